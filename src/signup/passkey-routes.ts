import { userBody } from '../accounts/account.ts';
import { creationOptionsBody, creationResponse, passkeyLabel } from '../mfa/passkey-schemas.ts';
import type { CreationResponse } from '../mfa/webauthn.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { optionalToken } from '../platform/http/opaque-token.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { beginFinish, finishWithPasskey } from './finish-with-passkey.ts';
import { signupTokenFrom, withoutSpentCookie } from './signup-cookie.ts';

const email = Type.String({ maxLength: 320 });
const signupToken = optionalToken({ description: 'If left out, the cookie of step 1 is used.' });
const tags = ['Registration'];

/** Step 2 of a sign-up with a passkey in place of a password. */
export function routes(app: App, deps: Deps): void {
  app.post(
    '/signup/passkey/options',
    {
      config: { access: 'public', limit: 'signup', problems: ['signup_not_found'] },
      schema: {
        tags,
        summary: 'Sign up, step 2: begin with a passkey instead of a password',
        description:
          'Pass `options` to navigator.credentials.create, and its result to POST /signup/passkey.',
        body: Type.Object({ email, signup_token: signupToken }, exact),
        response: { 200: creationOptionsBody },
      },
    },
    async request => {
      const token = signupTokenFrom(request.body.signup_token, request.headers.cookie);
      const options = await beginFinish(deps, { email: request.body.email, token });
      return { options: { ...options } };
    },
  );

  app.post(
    '/signup/passkey',
    {
      config: {
        access: 'public',
        limit: 'signup',
        problems: ['signup_not_found', 'email_taken', 'passkey_refused', 'factor_exists'],
        headers: ['sign-up-cookie'],
      },
      schema: {
        tags,
        summary: 'Sign up, step 2: a passkey',
        description: 'Creates the account, without a password, and queues the verification mail.',
        body: Type.Object(
          { email, name: passkeyLabel, response: creationResponse, signup_token: signupToken },
          exact,
        ),
        response: {
          200: userBody,
          202: Type.Object({ message: Type.Literal('Check your mail to finish'), email: Type.String() }),
        },
      },
    },
    async (request, reply) => {
      const { email, name, response, signup_token } = request.body;
      const { cookie } = request.headers;
      const token = signupTokenFrom(signup_token, cookie);
      const user = await finishWithPasskey(deps, callerOf(request), {
        email,
        name,
        response: response as CreationResponse,
        token,
      });
      reply.headers(withoutSpentCookie(token, cookie));
      if (user !== null) return user;
      reply.code(202);
      return { message: 'Check your mail to finish' as const, email };
    },
  );
}
