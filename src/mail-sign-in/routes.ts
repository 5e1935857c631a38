import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { optionalToken } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { invalid } from '../platform/problems.ts';
import { tokenBody } from '../sessions/token.ts';
import { devicesOf, keepDevice } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { signInByMail } from './answer.ts';
import { requestSignIn, requireSignInByMail } from './request.ts';
import { requestCookie, requestTokenOf } from './request-token.ts';

const tags = ['Tokens'];

/** Signing in with a mailed link or code, where SIGN_IN_BY_MAIL is on. */
export function routes(app: App, deps: KeysDeps): void {
  app.post(
    '/token/email',
    {
      config: {
        access: 'public',
        limit: 'reset',
        oauth: true,
        problems: ['feature_disabled'],
        headers: ['mail-sign-in-cookie'],
      },
      // Where the feature is switched off, the answer says so, whatever else is wrong with the request.
      preValidation: async () => requireSignInByMail(deps),
      schema: {
        tags,
        summary: 'Mail me a link and a code to sign in with',
        description:
          'The answer is the same whether or not an account has the address. The mailed link and code work only together with `request_token`, which is also set as a cookie: so they work in the browser that asked.',
        body: Type.Object({ email: Type.String({ maxLength: 320 }), device_token: optionalToken() }, exact),
        response: {
          202: Type.Object({
            message: Type.Literal('If the email exists, a link and a code have been sent'),
            request_token: Type.String(),
            expires_at: Type.String({ format: 'date-time' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const { email, device_token } = request.body;
      const caller = callerOf(request);
      await limitAccount(deps, 'reset', { ip: caller.ip, account: email });
      const asked = await requestSignIn(deps, caller, {
        email,
        devices: devicesOf(deps, request.headers.cookie, device_token),
      });
      reply.header('set-cookie', requestCookie(deps.config, asked.token));
      return reply.code(202).send({
        message: 'If the email exists, a link and a code have been sent',
        request_token: asked.token,
        expires_at: asked.expiresAt.toISOString(),
      });
    },
  );

  app.post(
    '/token/email/verify',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        problems: ['feature_disabled', 'invalid_sign_in_code', 'too_many_attempts', 'mfa_required'],
        headers: ['mail-sign-in-cookie', 'device-cookie'],
      },
      preValidation: async () => requireSignInByMail(deps),
      schema: {
        tags,
        summary: 'Sign in with the mailed code or link',
        description:
          'Works once, within ten minutes and five tries. A second factor is asked for, as after a password.',
        body: Type.Object(
          {
            request_token: optionalToken({ description: 'If left out, the cookie of the request is used.' }),
            code: optional(Type.String({ maxLength: 16 })),
            token: optionalToken({ description: 'The token of the mailed link.' }),
            device_token: optionalToken(),
          },
          exact,
        ),
        response: { 200: tokenBody },
      },
    },
    async (request, reply) => {
      const { request_token, code, token, device_token } = request.body;
      const proof = typeof code === 'string' ? { code } : typeof token === 'string' ? { token } : null;
      if (proof === null) throw invalid('code', 'missing', 'Field required');
      const tokens = await signInByMail(deps, callerOf(request), {
        requestToken: request_token || requestTokenOf(deps.config, request.headers.cookie) || '',
        proof,
        devices: devicesOf(deps, request.headers.cookie, device_token),
      });
      reply.header('set-cookie', requestCookie(deps.config, ''));
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );
}
