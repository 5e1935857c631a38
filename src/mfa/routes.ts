import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { userOf } from '../sessions/principal.ts';
import { removeFactor } from './enrolment.ts';
import { factorBody, listFactors } from './factors.ts';
import { newRecoveryCodes } from './recovery-codes.ts';
import { keepFactors } from './removal.ts';
import { plannedRemoval } from './removal-queries.ts';
import { confirmSms, enrolSms, requireSms } from './sms.ts';
import { confirmTotp, enrolTotp, totpEnrolment } from './totp.ts';

const codeBody = Type.Object({ code: Type.String({ minLength: 1, maxLength: 64 }) }, exact);
const recoveryCodes = Type.Object(
  {
    recovery_codes: Type.Array(Type.String(), {
      description: 'Shown once. Each works once. Any earlier ones stop working.',
    }),
  },
  { title: 'RecoveryCodes' },
);
const factorsBody = Type.Object(
  {
    factors: Type.Array(factorBody),
    recovery_codes_left: Type.Integer(),
    removal_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When the factors will be removed, if an administrator asked for it.',
    }),
  },
  { title: 'Factors' },
);

/** A person's own factors: authenticator app, text messages, recovery codes. passkey-routes.ts has the passkeys. */
export function routes(app: App, deps: Deps): void {
  app.get(
    '/mfa',
    {
      config: { access: 'user' },
      schema: { tags: ['Multi-factor'], summary: 'My factors', response: { 200: factorsBody } },
    },
    async request => {
      const user = userOf(request);
      const removal = await plannedRemoval(deps.db, user.userId);
      return { ...(await listFactors(deps, user)), removal_at: removal?.toISOString() ?? null };
    },
  );

  app.delete(
    '/users/me/mfa-removal',
    {
      config: { access: 'user', problems: ['removal_not_found'] },
      schema: {
        tags: ['Multi-factor'],
        summary: 'Call off the planned removal of my factors',
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await keepFactors(deps, userOf(request));
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/mfa/totp',
    {
      config: { access: 'user', recent: true, limit: 'mfa', problems: ['factor_exists'] },
      schema: {
        tags: ['Multi-factor'],
        summary: 'Set up an authenticator app',
        response: { 200: totpEnrolment },
      },
    },
    request => enrolTotp(deps, userOf(request)),
  );

  app.post(
    '/mfa/totp/confirm',
    {
      config: {
        access: 'user',
        recent: true,
        limit: 'mfa',
        problems: ['factor_not_found', 'invalid_mfa_code', 'factor_exists', 'too_many_attempts'],
      },
      schema: {
        tags: ['Multi-factor'],
        summary: 'Confirm the app with one of its codes',
        body: codeBody,
        response: { 200: recoveryCodes },
      },
    },
    async request => ({ recovery_codes: await confirmTotp(deps, userOf(request), request.body.code) }),
  );

  app.post(
    '/mfa/sms',
    {
      config: {
        access: 'user',
        recent: true,
        limit: 'mfa',
        problems: ['feature_disabled', 'factor_exists', 'phone_not_allowed', 'sms_budget_spent'],
      },
      // Where text messages are off, every request is told so, whatever else is wrong with it.
      preValidation: async () => requireSms(deps),
      schema: {
        tags: ['Multi-factor'],
        summary: 'Set up a phone for text messages',
        description: 'An authenticator app or a passkey is safer: numbers can be taken over.',
        body: Type.Object({ phone_number: Type.String({ minLength: 1, maxLength: 32 }) }, exact),
        response: { 202: Type.Object({ factor_id: Type.String({ format: 'uuid' }) }) },
      },
    },
    async (request, reply) =>
      reply.code(202).send(await enrolSms(deps, userOf(request), request.body.phone_number)),
  );

  app.post(
    '/mfa/sms/confirm',
    {
      config: {
        access: 'user',
        recent: true,
        limit: 'mfa',
        problems: [
          'feature_disabled',
          'factor_not_found',
          'invalid_mfa_code',
          'factor_exists',
          'too_many_attempts',
        ],
      },
      preValidation: async () => requireSms(deps),
      schema: {
        tags: ['Multi-factor'],
        summary: 'Confirm the phone with the code sent to it',
        body: codeBody,
        response: { 200: recoveryCodes },
      },
    },
    async request => ({ recovery_codes: await confirmSms(deps, userOf(request), request.body.code) }),
  );

  app.post(
    '/mfa/recovery-codes',
    {
      config: { access: 'user', recent: true, limit: 'mfa', problems: ['factor_not_found'] },
      schema: {
        tags: ['Multi-factor'],
        summary: 'Make ten new recovery codes; the old ones stop working',
        response: { 200: recoveryCodes },
      },
    },
    async request => ({ recovery_codes: await newRecoveryCodes(deps, userOf(request)) }),
  );

  for (const kind of ['totp', 'sms'] as const) {
    app.delete(
      `/mfa/${kind}`,
      {
        config: {
          access: 'user',
          recent: true,
          limit: 'mfa',
          problems: ['factor_not_found', 'factor_required'],
        },
        schema: {
          tags: ['Multi-factor'],
          summary: kind === 'totp' ? 'Remove the authenticator app' : 'Remove the phone',
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        await removeFactor(deps, userOf(request), kind);
        return reply.code(204).send(null);
      },
    );
  }
}
