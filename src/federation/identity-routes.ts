import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { userOf } from '../sessions/principal.ts';
import { identityBody, listIdentities } from './identities.ts';
import { beginLink, finishLink } from './link.ts';
import { findRedirectProvider } from './provider.ts';
import { codeProof, pkceChallenge } from './shapes.ts';
import { unlinkIdentity } from './unlink.ts';

const tags = ['Federation'];

/** The identities that a person has linked. */
export function routes(app: App, deps: KeysDeps): void {
  app.get(
    '/users/me/identities',
    {
      config: { access: 'user' },
      schema: { tags, summary: 'List linked providers', response: { 200: Type.Array(identityBody) } },
    },
    request => listIdentities(deps, userOf(request)),
  );

  app.post(
    '/users/me/identities/:id',
    {
      config: {
        access: 'user',
        recent: true,
        limit: 'login',
        problems: ['provider_not_found', 'feature_disabled', 'redirect_not_allowed'],
      },
      // Where the provider is switched off, the answer says so, whatever else is wrong with the request.
      preValidation: async ({ params }) => void findRedirectProvider(deps.config, params.id),
      schema: {
        tags,
        summary: 'Begin to link a provider',
        description:
          'Send the browser to `authorize_url`, and the code that comes back to `POST /users/me/identities`.',
        // Named as in DELETE: OpenAPI takes two paths that differ only in a parameter's name for the same path.
        params: Type.Object({
          id: Type.String({
            maxLength: 100,
            description: 'The id of the provider in `GET /oauth/providers`.',
          }),
        }),
        body: Type.Object(
          {
            redirect_uri: Type.String({ maxLength: 2048 }),
            code_challenge: pkceChallenge,
            state: Type.Optional(Type.String({ maxLength: 512 })),
          },
          exact,
        ),
        response: {
          200: Type.Object({
            authorize_url: Type.String(),
            expires_at: Type.String({ format: 'date-time' }),
          }),
        },
      },
    },
    async request => {
      const { params, body } = request;
      return beginLink(deps, userOf(request), params.id, {
        redirectUri: body.redirect_uri,
        codeChallenge: body.code_challenge,
        clientState: body.state ?? null,
      });
    },
  );

  app.post(
    '/users/me/identities',
    {
      config: { access: 'user', problems: ['invalid_authorization_code', 'identity_taken'] },
      schema: {
        tags,
        summary: 'Link a provider with the code that came back',
        body: codeProof,
        response: { 201: identityBody },
      },
    },
    async (request, reply) => {
      const { code, code_verifier: codeVerifier } = request.body;
      return reply.code(201).send(await finishLink(deps, userOf(request), { code, codeVerifier }));
    },
  );

  app.delete(
    '/users/me/identities/:id',
    {
      config: { access: 'user', recent: true, problems: ['identity_not_found', 'last_way_in'] },
      schema: {
        tags,
        summary: 'Unlink a provider',
        params: Type.Object({
          id: Type.String({
            format: 'uuid',
            description: 'The id of the identity in `GET /users/me/identities`.',
          }),
        }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await unlinkIdentity(deps, userOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
