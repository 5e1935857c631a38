import { clientTokenBody, issueClientToken } from '../clients/token.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { readFormBodies, readMultipartBodies, withValues } from '../platform/http/bodies.ts';
import { optionalToken, TOKEN_MAX } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { invalid, Problem } from '../platform/problems.ts';
import { userOf } from '../sessions/principal.ts';
import { tokenBody } from '../sessions/token.ts';
import { devicesOf, keepDevice } from '../throttle/device-cookie.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { login } from './login.ts';
import { reauthenticate } from './reauthenticate.ts';

const text = (maxLength: number) => optional(Type.String({ maxLength }));

/** `POST /token`, the one place where a password becomes tokens. */
export async function routes(app: App, deps: KeysDeps): Promise<void> {
  await readFormBodies(app);
  readMultipartBodies(app);
  app.post(
    '/token',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        problems: [
          'invalid_credentials',
          'mfa_required',
          'email_not_verified',
          'password_expired',
          'too_many_attempts',
          'unsupported_grant_type',
          'invalid_client',
          'overloaded',
        ],
        headers: ['device-cookie'],
      },
      schema: {
        tags: ['Tokens'],
        summary: 'Log in',
        description:
          'First-party clients send a username or an address, and a password. Service clients send grant_type=client_credentials.',
        security: [{}, { client: [] }],
        consumes: ['application/x-www-form-urlencoded', 'application/json', 'multipart/form-data'],
        // RFC 6749 §3.2: unknown parameters are ignored.
        body: Type.Object({
          grant_type: text(100),
          username: text(320),
          password: text(4096),
          device_token: optionalToken(),
          client_id: text(200),
          client_secret: text(TOKEN_MAX),
        }),
        response: { 200: Type.Union([tokenBody, clientTokenBody]) },
      },
    },
    async (request, reply) => {
      // An empty name or password counts as a wrong one, not as a missing one.
      const { username, password } = request.body;
      const { grant_type = 'password', device_token, client_id, client_secret } = withValues(request.body);
      if (grant_type === 'client_credentials') {
        const { authorization } = request.headers;
        return issueClientToken(deps, callerOf(request), { authorization, client_id, client_secret });
      }
      if (grant_type !== 'password') throw new Problem('unsupported_grant_type');
      const issues = [
        ...(typeof username !== 'string' ? [missing('username')] : []),
        ...(typeof password !== 'string' ? [missing('password')] : []),
      ];
      if (typeof username !== 'string' || typeof password !== 'string')
        throw new Problem('validation_failed', { issues });
      const caller = callerOf(request);
      await limitAccount(deps, 'login', { ip: caller.ip, account: username });
      const tokens = await login(deps, caller, {
        name: username,
        password,
        devices: devicesOf(deps, request.headers.cookie, device_token),
      });
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );

  app.post(
    '/token/reauthenticate',
    {
      config: {
        access: 'user',
        limit: 'login',
        oauth: true,
        problems: [
          'invalid_credentials',
          'mfa_required',
          'invalid_mfa_code',
          'too_many_attempts',
          'overloaded',
        ],
      },
      schema: {
        tags: ['Tokens'],
        summary: 'Prove again that it is you',
        description:
          'Returns tokens of the same session with a fresh `auth_time`. Somebody who has a second factor must use it here.',
        body: Type.Object(
          {
            password: text(4096),
            factor: optional(
              Type.Union([Type.Literal('totp'), Type.Literal('sms'), Type.Literal('recovery_code')]),
            ),
            code: text(64),
          },
          { ...exact, examples: [{ password: 'Correct-horse-battery-1' }] },
        ),
        response: { 200: tokenBody },
      },
    },
    request => {
      const { password, factor, code } = request.body;
      if (typeof factor === 'string' && typeof code === 'string')
        return reauthenticate(deps, userOf(request), { factor, code });
      if (typeof password !== 'string')
        throw invalid(typeof factor === 'string' ? 'code' : 'password', 'missing', 'Field required');
      return reauthenticate(deps, userOf(request), { password });
    },
  );
}

const missing = (member: string) => ({ type: 'missing', loc: ['body', member], msg: 'Field required' });
