import { afterAll, beforeAll, expect, test } from 'vitest';
import { issueChallenge } from '../../src/challenges/issue.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { logIn, type Member, member, PASSWORD } from '../support/people.ts';
import { addTotp, beginTotp } from '../support/totp.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';

// A request about an account whose removal commits while it runs.

let world: TestApp;
let administrator: string;
beforeAll(async () => {
  world = await testApp({
    signInByMail: true,
    sms: { webhook: { url: 'http://127.0.0.1:9', secret: 'sixteen bytes or more' } },
    google: { clientIds: ['web'], clientSecret: 'secret', issuer: 'http://127.0.0.1:9' },
  });
  administrator = (await member(world, { roles: ['admin'] })).token;
});
afterAll(() => world.close());

type Call = () => ReturnType<TestApp['call']>;
type Prepare = (ada: Member) => Call | Promise<Call>;

const NEW = 'Entirely-other-7';
const post =
  (url: string, body?: object): Prepare =>
  ({ token }) =>
  () =>
    world.call('POST', url, { token, ...(body && { body }) });
const administering =
  (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Prepare =>
  ({ who }) =>
  () =>
    world.call(method, `/users/${who.id}${path}`, { token: administrator, ...(body && { body }) });

const secondFactor =
  (right: boolean): Prepare =>
  async ({ who, token }) => {
    const [recovery] = (await addTotp(world, token)).recoveryCodes;
    const form = { username: who.email, password: PASSWORD };
    const { mfa_token } = (await world.call('POST', '/token', { form })).json();
    const code = right ? recovery : 'aaaaa-aaaaa';
    return () => world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'recovery_code', code } });
  };

test.each<[string, Prepare]>([
  [
    'a login',
    ({ who }) =>
      () =>
        world.call('POST', '/token', { form: { username: who.email, password: PASSWORD } }),
  ],
  [
    'a wrong password',
    ({ who }) =>
      () =>
        world.call('POST', '/token', { form: { username: who.email, password: 'x' } }),
  ],
  [
    'a request for a reset',
    ({ who }) =>
      () =>
        world.call('POST', '/password-reset/request', { body: { email: who.email } }),
  ],
  [
    'a request for a mailed sign-in',
    ({ who }) =>
      () =>
        world.call('POST', '/token/email', { body: { email: who.email } }),
  ],
  [
    'a reset',
    async ({ who }) => {
      const issued = {
        purpose: 'reset-password',
        userId: who.id,
        sentTo: who.email,
        lifetime: 3600,
      } as const;
      const { token } = await issueChallenge(world.deps, world.deps.db, issued);
      const body = { token, new_password: NEW, confirm_new_password: NEW };
      return () => world.call('POST', '/password-reset/confirm', { body });
    },
  ],
  [
    'a change of the password',
    post('/users/me/password', { current_password: PASSWORD, new_password: NEW, confirm_new_password: NEW }),
  ],
  ['a fresh proof', post('/token/reauthenticate', { password: PASSWORD })],
  [
    'a refresh',
    async ({ who }) => {
      const { refresh_token } = await logIn(world, who);
      return () => world.call('POST', '/refresh-token', { body: { refresh_token } });
    },
  ],
  ['a logout', post('/logout')],
  ['a logout from everywhere', post('/logout/all')],
  [
    'a change of the profile',
    ({ token }) =>
      () =>
        world.call('PUT', '/users/me', { token, body: { first_name: 'Eve' } }),
  ],
  [
    'another address',
    ({ token }) =>
      () =>
        world.call('PUT', '/users/me', { token, body: { email: `${world.deps.random.uuid()}@example.com` } }),
  ],
  ['an authenticator app', post('/mfa/totp')],
  [
    'the first code of an app',
    async ada => {
      const body = { code: (await beginTotp(world, ada.token))() };
      return () => world.call('POST', '/mfa/totp/confirm', { token: ada.token, body });
    },
  ],
  ['a second factor', secondFactor(true)],
  ['a wrong second factor', secondFactor(false)],
  ['a phone', post('/mfa/sms', { phone_number: '+254712345678' })],
  ['a passkey', post('/mfa/passkeys/options')],
  ['a proof by passkey', post('/token/reauthenticate/passkey/options')],
  [
    'the link of a provider',
    post('/users/me/identities/google', {
      redirect_uri: 'http://localhost:8000',
      code_challenge: 'x'.repeat(43),
    }),
  ],
  [
    'an export',
    ({ token }) =>
      () =>
        world.call('GET', '/users/me/export', { token }),
  ],
  ['other roles', administering('PUT', '/roles', { roles: ['user'] })],
  ['a stop', administering('PATCH', '', { disabled: true })],
  ['a second removal', administering('DELETE', '')],
  ['a logout by an administrator', administering('POST', '/logout')],
  ['an unlock', administering('POST', '/unlock')],
  ['a reset by an administrator', administering('POST', '/password-reset')],
])('%s is no defect where the account is removed meanwhile', async (_what, prepare) => {
  const ada = await member(world, { verified: false });
  const call = await prepare(ada);
  let answer: ReturnType<Call> | undefined;
  await world.deps.db.transaction(async tx => {
    await tx.run(sql`delete from users where id = ${ada.who.id}::uuid`);
    answer = call();
    await Promise.race([answer, waitingForLock(world.deps.db)]);
  });
  const { statusCode, body } = await (answer as ReturnType<Call>);
  // As where it had been gone before: neither a defect nor a failure of the database.
  expect(statusCode, body).toBeLessThan(500);
  expect((await call()).statusCode).toBeLessThan(500);
});
