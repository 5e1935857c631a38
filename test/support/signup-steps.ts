import type { TestApp } from './app.ts';

export const PASSWORD = 'Correct-horse-7';
export const ada = { first_name: 'Ada', last_name: 'Lovelace', phone_number: '+254712345678' };

/** The two steps of a sign-up, in a world that is there once they are taken. */
export const signupSteps = (world: () => TestApp) => ({
  step1: (email: string, at = world()) => at.call('POST', '/signup', { body: { ...ada, email } }),
  step2: (email: string, token: string | undefined, at = world(), password = PASSWORD) =>
    at.call('POST', '/signup/set-password', {
      body: {
        email,
        password,
        confirm_password: password,
        ...(token !== undefined && { signup_token: token }),
      },
    }),
});
