import { isAddress } from '../accounts/normalize.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { opaqueToken } from '../platform/http/opaque-token.ts';
import { exact, saying, Type } from '../platform/json-schema.ts';
import { type Issue, invalid, Problem } from '../platform/problems.ts';
import { userOf } from '../sessions/principal.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { changePassword } from './change.ts';
import { checkPassword } from './check.ts';
import { removeByLink } from './remove-by-link.ts';
import { requestReset } from './request-reset.ts';
import { resetPassword } from './reset.ts';

const password = Type.String({ maxLength: 4096 });
const address = Type.String({ maxLength: 320 });
const NO_ADDRESS: Issue = {
  type: 'value_error',
  loc: ['query', 'email'],
  msg: 'This is not a valid email address.',
};
const issue = Type.Object({
  type: Type.String(),
  loc: Type.Array(Type.Union([Type.String(), Type.Integer()])),
  msg: Type.String(),
});

/** Reset, change, removal by a mailed link, and the judging of a password before it is chosen. */
export function routes(app: App, deps: Deps): void {
  app.post(
    '/password-reset/request',
    {
      config: { access: 'public', limit: 'reset' },
      schema: {
        tags: ['Password and email'],
        summary: 'Ask for a reset link by mail',
        description: 'Gives the same answer in the same time, whether or not the address has an account.',
        querystring: Type.Object({ email: Type.Optional(address) }, exact),
        body: Type.Optional(Type.Union([Type.Null(), Type.Object({ email: Type.Optional(address) }, exact)])),
        response: { 200: saying('If the email exists, a reset link has been sent') },
      },
    },
    async request => {
      const email = request.body?.email ?? request.query.email;
      if (email === undefined) throw invalid('email', 'missing', 'Field required');
      if (request.body?.email === undefined && !isAddress(email))
        throw new Problem('validation_failed', { issues: [NO_ADDRESS] });
      const caller = callerOf(request);
      await limitAccount(deps, 'reset', { ip: caller.ip, account: email });
      await requestReset(deps, caller, email);
      return { message: 'If the email exists, a reset link has been sent' as const };
    },
  );

  app.post(
    '/password-reset/confirm',
    {
      config: {
        access: 'public',
        limit: 'reset',
        problems: ['passwords_differ', 'invalid_reset_token', 'overloaded'],
      },
      schema: {
        tags: ['Password and email'],
        summary: 'Set a new password with a reset token',
        description:
          'The token works once, within an hour. Ends every session and lifts a lock. Starts no session, and does not replace a second factor. Nothing is read from the URL.',
        querystring: Type.Object({}, exact),
        body: Type.Object(
          { token: opaqueToken(), new_password: password, confirm_new_password: password },
          exact,
        ),
        response: { 200: saying('Password updated successfully') },
      },
    },
    async request => {
      const { token, new_password, confirm_new_password } = request.body;
      await resetPassword(deps, callerOf(request), {
        token,
        password: new_password,
        confirmation: confirm_new_password,
      });
      return { message: 'Password updated successfully' as const };
    },
  );

  app.post(
    '/users/me/password',
    {
      config: {
        access: 'user',
        recent: true,
        limit: 'login',
        problems: ['wrong_password', 'no_password', 'too_many_attempts', 'overloaded'],
      },
      schema: {
        tags: ['Users'],
        summary: 'Change my password',
        description: 'Every other session ends.',
        body: Type.Object(
          { current_password: password, new_password: password, confirm_new_password: password },
          exact,
        ),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { current_password, new_password, confirm_new_password } = request.body;
      await changePassword(deps, userOf(request), {
        current: current_password,
        password: new_password,
        confirmation: confirm_new_password,
      });
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/password/remove',
    {
      config: { access: 'public', limit: 'reset', problems: ['invalid_link'] },
      schema: {
        tags: ['Password and email'],
        summary: 'Remove a password with a mailed link',
        description:
          'For the owner of an account to which a provider was linked: removes the password that was set before, and ends every session.',
        querystring: Type.Object({}, exact),
        body: Type.Object({ token: opaqueToken() }, exact),
        response: { 200: saying('Password removed') },
      },
    },
    async request => {
      await removeByLink(deps, callerOf(request), request.body.token);
      return { message: 'Password removed' as const };
    },
  );

  app.post(
    '/password/check',
    {
      config: { access: 'public', limit: 'check', database: false },
      schema: {
        tags: ['Password and email'],
        summary: 'Check a password before it is chosen',
        description:
          'For live feedback beside a password field: the verdict of the policy, a strength from 0 to 4, and advice. Nothing is stored.',
        body: Type.Object(
          {
            password,
            email: Type.Optional(address),
            names: Type.Optional(Type.Array(Type.String({ maxLength: 200 }), { maxItems: 10 })),
          },
          exact,
        ),
        response: {
          200: Type.Object({
            score: Type.Integer({ minimum: 0, maximum: 4 }),
            acceptable: Type.Boolean(),
            issues: Type.Array(issue),
            advice: Type.Array(Type.String()),
          }),
        },
      },
    },
    async request => {
      const { password: candidate, email, names } = request.body;
      const report = await checkPassword(deps, {
        password: candidate,
        owner: { email, names },
        caller: callerOf(request),
      });
      return {
        score: report.score,
        acceptable: report.acceptable,
        issues: report.issues.map(({ type, loc, msg }) => ({ type, loc: [...loc], msg })),
        advice: [...report.advice],
      };
    },
  );
}
