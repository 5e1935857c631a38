import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { readFormBodies } from '../platform/http/bodies.ts';
import { opaqueToken, TOKEN_MAX } from '../platform/http/opaque-token.ts';
import { Type } from '../platform/json-schema.ts';
import { tokenBody } from '../sessions/token.ts';
import { devicesOf, keepDevice } from '../throttle/device-cookie.ts';
import { sealName } from './apple-name.ts';
import { authorize } from './authorize.ts';
import { callback } from './callback.ts';
import { exchange } from './exchange.ts';
import { canRedirect, findRedirectProvider, providersOf } from './provider.ts';
import { callbackUrl } from './relying-party.ts';
import { codeProof, idOfProvider, pkceChallenge, signInCode } from './shapes.ts';

const tags = ['Federation'];
const optional = (maxLength: number, description?: string) =>
  Type.Optional(Type.String({ maxLength, ...(description !== undefined && { description }) }));

// Browsers obey this header on a redirect too. With that of all other answers, a window that a web client opened for the
// sign-in would lose its opener at once, and count as closed there.
const KEEPS_OPENER = { 'cross-origin-opener-policy': 'unsafe-none' };

/** The redirect flow: to a provider, back from it, and exchanging the one-time code for tokens. */
export async function routes(app: App, deps: KeysDeps): Promise<void> {
  await readFormBodies(app);

  app.get(
    '/oauth/providers',
    {
      config: { access: 'public', oauth: true, database: false },
      schema: {
        tags,
        summary: 'List the providers that people can sign in with',
        response: {
          200: Type.Array(
            Type.Object({
              id: Type.String({ examples: ['google'] }),
              name: Type.String({ examples: ['Google'] }),
            }),
          ),
        },
      },
    },
    () =>
      providersOf(deps.config)
        .filter(canRedirect)
        .map(({ id, name }) => ({ id, name })),
  );

  app.get(
    '/oauth/:provider/authorize',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        visited: true,
        problems: ['provider_not_found', 'feature_disabled', 'redirect_not_allowed', 'invalid_link'],
        headers: ['provider-cookie'],
      },
      // Where the provider is switched off, the answer says so, whatever else is wrong with the request.
      preValidation: async ({ params }) => void findRedirectProvider(deps.config, params.provider),
      schema: {
        tags,
        summary: 'Send the browser to a provider',
        description:
          'The browser comes back to `redirect_uri` with `code` and `state`, or with `error`. The client keeps the PKCE verifier.',
        params: idOfProvider,
        querystring: Type.Object({
          redirect_uri: Type.String({ maxLength: 2048, description: 'One of REDIRECT_URIS, exactly.' }),
          code_challenge: pkceChallenge,
          code_challenge_method: Type.Optional(Type.Literal('S256')),
          state: optional(512, "The client's own; comes back as it is."),
          link_ticket: Type.Optional(
            opaqueToken({
              description: 'Part of the `authorize_url` that `POST /users/me/identities/{id}` returns.',
            }),
          ),
        }),
        response: { 302: Type.Null({ description: 'To the provider.' }) },
      },
    },
    async (request, reply) => {
      const { redirect_uri, code_challenge, state, link_ticket } = request.query;
      const asked = {
        redirectUri: redirect_uri,
        codeChallenge: code_challenge,
        clientState: state ?? null,
        linkTicket: link_ticket ?? null,
      };
      const { provider } = request.params;
      const { cookie } = request.headers;
      const { location, setCookies } = await authorize(deps, callerOf(request), provider, asked, cookie);
      for (const written of setCookies) reply.header('set-cookie', written);
      return reply.headers(KEEPS_OPENER).redirect(location, 302);
    },
  );

  app.get(
    '/oauth/:provider/callback',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        visited: true,
        problems: ['provider_not_found', 'feature_disabled', 'invalid_sign_in'],
        headers: ['provider-cookie'],
      },
      schema: {
        tags,
        summary: 'Where a provider sends people back to',
        params: idOfProvider,
        response: { 302: Type.Null({ description: "To the client's redirect_uri." }) },
      },
    },
    async (request, reply) => {
      const query = request.url.indexOf('?');
      const { location, cookie } = await callback(deps, callerOf(request), request.params.provider, {
        answer: new URLSearchParams(query === -1 ? '' : request.url.slice(query)),
        cookies: request.headers.cookie,
      });
      return reply.headers(KEEPS_OPENER).header('set-cookie', cookie).redirect(location, 302);
    },
  );

  // A form that another site posts comes without our SameSite=Lax cookie; after a redirect to GET the browser sends it.
  app.post(
    '/oauth/:provider/callback',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        visited: true,
        database: false,
        problems: ['provider_not_found', 'feature_disabled'],
      },
      schema: {
        tags,
        summary: 'Where a provider that answers by form_post sends people back to',
        consumes: ['application/x-www-form-urlencoded'],
        params: idOfProvider,
        body: Type.Object({
          state: optional(TOKEN_MAX),
          code: Type.Optional(signInCode),
          iss: optional(2048),
          error: optional(200),
          user: optional(2000),
        }),
        response: { 303: Type.Null({ description: 'To the same address, by GET.' }) },
      },
    },
    async (request, reply) => {
      const provider = findRedirectProvider(deps.config, request.params.provider);
      const { state, code, iss, error, user } = request.body;
      const sealed = sealName(deps, user) ?? undefined;
      const answer = Object.entries({ state, code, iss, error, user: sealed }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const location = `${callbackUrl(deps, provider)}?${new URLSearchParams(answer).toString()}`;
      return reply.headers(KEEPS_OPENER).redirect(location, 303);
    },
  );

  app.post(
    '/oauth/exchange',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        problems: [
          'invalid_authorization_code',
          'account_disabled',
          'identity_linking_refused',
          'address_taken',
          'email_not_verified',
          'mfa_required',
        ],
        headers: ['device-cookie'],
      },
      schema: {
        tags,
        summary: 'Log in with the code of a sign-in at a provider',
        body: codeProof,
        response: { 200: tokenBody },
      },
    },
    async (request, reply) => {
      const { code, code_verifier: codeVerifier, device_token } = request.body;
      const devices = devicesOf(deps, request.headers.cookie, device_token);
      const tokens = await exchange(deps, callerOf(request), { code, codeVerifier }, devices);
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );
}
