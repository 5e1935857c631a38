import type { TestApp } from './app.ts';
import { mailsTo } from './mails.ts';
import type { Person } from './people.ts';

export const NEW = 'Entirely-other-7';

/** What there is to do about a reset, in a world that is there once it is done. */
export function resets(world: () => TestApp) {
  const request = (email: string, at = world()) =>
    at.call('POST', '/password-reset/request', { body: { email } });
  const tokensTo = async (email: string, at = world()) =>
    (await mailsTo(at, email))
      .filter(({ template }) => template === 'reset-password')
      .map(({ secrets }) => secrets.token);
  return {
    request,
    tokensTo,
    confirm: (token: string | undefined, password = NEW, confirmation = password, at = world()) =>
      at.call('POST', '/password-reset/confirm', {
        body: { token, new_password: password, confirm_new_password: confirmation },
      }),
    linkFor: async ({ email }: Person, at = world()) => {
      await request(email, at);
      return (await tokensTo(email, at)).at(-1) as string;
    },
    logsIn: async ({ email }: Person, password: string, at = world()) =>
      (await at.call('POST', '/token', { form: { username: email, password } })).statusCode === 200,
  };
}
