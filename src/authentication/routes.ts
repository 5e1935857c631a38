import type { KeysDeps } from '../keys/key-ring.ts';
import { requireSms } from '../mfa/sms.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { opaqueToken } from '../platform/http/opaque-token.ts';
import { exact, saying, Type } from '../platform/json-schema.ts';
import { tokenBody } from '../sessions/token.ts';
import { keepDevice } from '../throttle/device-cookie.ts';
import { answerSecondFactor, textSecondFactor } from './second-factor.ts';

const factor = Type.Union([Type.Literal('totp'), Type.Literal('sms'), Type.Literal('recovery_code')]);

/** The second step of a login: the answer to a demand for a second factor, and the text message that helps with it. */
export function routes(app: App, deps: KeysDeps): void {
  app.post(
    '/token/mfa',
    {
      config: {
        access: 'public',
        limit: 'mfa',
        oauth: true,
        problems: ['invalid_mfa_token', 'invalid_mfa_code', 'too_many_attempts', 'password_expired'],
        headers: ['device-cookie'],
      },
      schema: {
        tags: ['Tokens'],
        summary: 'Complete a login with a second factor',
        body: Type.Object(
          {
            mfa_token: opaqueToken(),
            factor,
            code: Type.String({ minLength: 1, maxLength: 64 }),
          },
          exact,
        ),
        response: { 200: tokenBody },
      },
    },
    async (request, reply) => {
      const { mfa_token, factor, code } = request.body;
      const tokens = await answerSecondFactor(deps, callerOf(request), { mfaToken: mfa_token, factor, code });
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );

  app.post(
    '/token/mfa/sms',
    {
      config: {
        access: 'public',
        limit: 'mfa',
        oauth: true,
        problems: ['invalid_mfa_token', 'factor_not_found', 'feature_disabled', 'sms_budget_spent'],
      },
      // Where text messages are switched off, the answer says so, whatever else is wrong with the request.
      preValidation: async () => requireSms(deps),
      schema: {
        tags: ['Tokens'],
        summary: 'Text a login code to my phone',
        body: Type.Object({ mfa_token: opaqueToken() }, exact),
        response: { 202: saying('A code is on its way') },
      },
    },
    async (request, reply) => {
      await textSecondFactor(deps, callerOf(request), request.body.mfa_token);
      return reply.code(202).send({ message: 'A code is on its way' });
    },
  );
}
