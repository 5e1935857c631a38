import { userBody } from '../accounts/account.ts';
import { addressText, nameText, phoneText } from '../accounts/person-schema.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { optionalToken } from '../platform/http/opaque-token.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { begin } from './begin.ts';
import { finish } from './finish.ts';
import { signupCookie, signupTokenFrom, withoutSpentCookie } from './signup-cookie.ts';

/** The two steps of the original's sign-up. */
export function routes(app: App, deps: Deps): void {
  app.post(
    '/signup',
    {
      config: { access: 'public', limit: 'signup', problems: ['email_taken'], headers: ['sign-up-cookie'] },
      schema: {
        tags: ['Registration'],
        summary: 'Sign up, step 1: who you are',
        description:
          'Returns a token, in the body and as a cookie, which step 2 needs within a day. If logins need a verified address, a taken address gets the same answer.',
        body: Type.Object(
          {
            first_name: nameText,
            last_name: nameText,
            email: addressText,
            phone_number: phoneText,
          },
          exact,
        ),
        response: {
          200: Type.Object({
            message: Type.Literal('User information collected'),
            email: Type.String(),
            signup_token: Type.String(),
            expires_at: Type.String({ format: 'date-time' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const { first_name, last_name, email, phone_number } = request.body;
      const begun = await begin(deps, callerOf(request), {
        firstName: first_name,
        lastName: last_name,
        email,
        phoneNumber: phone_number,
      });
      reply.header('set-cookie', signupCookie(begun.token));
      return {
        message: 'User information collected' as const,
        email: begun.email,
        signup_token: begun.token,
        expires_at: begun.expiresAt.toISOString(),
      };
    },
  );

  app.post(
    '/signup/set-password',
    {
      config: {
        access: 'public',
        limit: 'signup',
        problems: ['signup_not_found', 'email_taken', 'overloaded'],
        headers: ['sign-up-cookie'],
      },
      schema: {
        tags: ['Registration'],
        summary: 'Sign up, step 2: a password',
        description:
          'Creates the account and queues the verification mail. A refused password does not spend the token: send another password with it.',
        body: Type.Object(
          {
            email: Type.String({ maxLength: 320 }),
            password: Type.String({ maxLength: 4096 }),
            confirm_password: Type.String({ maxLength: 4096 }),
            signup_token: optionalToken({ description: 'If left out, the cookie of step 1 is used.' }),
          },
          exact,
        ),
        response: {
          200: userBody,
          202: Type.Object({ message: Type.Literal('Check your mail to finish'), email: Type.String() }),
        },
      },
    },
    async (request, reply) => {
      const { email, password, confirm_password, signup_token } = request.body;
      const { cookie } = request.headers;
      const token = signupTokenFrom(signup_token, cookie);
      const user = await finish(deps, callerOf(request), {
        email,
        password,
        confirmation: confirm_password,
        token,
      });
      reply.headers(withoutSpentCookie(token, cookie));
      if (user !== null) return user;
      reply.code(202);
      return { message: 'Check your mail to finish' as const, email };
    },
  );
}
