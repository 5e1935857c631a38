import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { createCredential as create } from '../../test/support/authenticator.ts';
import { withoutChromium } from '../../test/support/chromium.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { type PasskeyWorld, passkeyWorld } from '../../test/support/passkeys.ts';
import { person } from '../../test/support/people.ts';
import { type SoftAuthenticator, softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { createApp } from '../app.ts';

let world: PasskeyWorld;
let service: PasskeyWorld['service'];
beforeAll(async () => {
  world = await passkeyWorld();
  service = world.service;
});
afterAll(() => world.close());

describe.skipIf(withoutChromium)('signing up in Chromium', () => {
  async function signUp(page: Page) {
    const email = `${service.deps.random.uuid()}@example.com`;
    const step = await world.call('/signup', {
      first_name: 'Grace',
      last_name: 'Hopper',
      email,
      phone_number: '+254712345678',
    });
    const signup_token = String(step.body.signup_token);
    const { body } = await world.call('/signup/passkey/options', { email, signup_token });
    return { email, signup_token, response: await create(page, body.options) };
  }

  test('an account is made with a passkey alone, which signs in and is the last way in', async () => {
    const { page } = await world.page();
    const { email, signup_token, response } = await signUp(page);
    const made = await world.call('/signup/passkey', { email, signup_token, name: 'Phone', response });
    expect(made.status, JSON.stringify(made.body)).toBe(200);
    expect(made.body).toMatchObject({
      email,
      full_name: 'Grace Hopper',
      email_verified: false,
      roles: ['user'],
    });
    expect((await mailsTo(service, email)).map(({ template }) => template)).toEqual(['verify-email']);
    const signedIn = await world.call('/token/passkey', { response: await world.assertion(page) });
    expect(world.claimsOf(signedIn)).toMatchObject({ sub: made.body.id, amr: ['hwk', 'mfa'] });
    const token = String(signedIn.body.access_token);
    const [passkey] = (await service.call('GET', '/mfa/passkeys', { token })).json().passkeys;
    const removed = await service.call('DELETE', `/mfa/passkeys/${passkey.id}`, { token });
    expect(removed.json().code).toBe('last_way_in');
    const again = await world.call('/signup/passkey', { email, signup_token, name: 'Phone', response });
    expect(again.body.code).toBe('signup_not_found');
  });

  test('a passkey that was made for one sign-up finishes no other, and leaves it as it was', async () => {
    const { page } = await world.page();
    const ada = await signUp(page);
    const eve = await signUp(page);
    const swapped = await world.call('/signup/passkey', { ...eve, name: 'X', response: ada.response });
    expect(swapped.body.code).toBe('passkey_refused');
    const own = await world.call('/signup/passkey', { ...eve, name: 'X' });
    expect(own.status, JSON.stringify(own.body)).toBe(200);
  });
});

describe('where login needs a verified address', () => {
  let hiding: TestApp;
  beforeAll(async () => {
    hiding = await testApp({ requireVerifiedEmail: true });
  });
  afterAll(() => hiding.close());

  /** Everything of step 2 up to its last request. */
  async function prepared(email: string, authenticator: SoftAuthenticator) {
    const names = { first_name: 'Grace', last_name: 'Hopper', phone_number: '+254712345678' };
    const { signup_token } = (await hiding.call('POST', '/signup', { body: { ...names, email } })).json();
    const asked = await hiding.call('POST', '/signup/passkey/options', { body: { email, signup_token } });
    return { email, signup_token, name: 'Phone', response: authenticator.create(asked.json().options) };
  }
  const fresh = () => `${hiding.deps.random.uuid()}@example.com`;

  test('a passkey that is registered is refused alike for an address that is taken and one that is free', async () => {
    const { email: taken } = await person(hiding);
    const authenticator = softAuthenticator();
    const body = await prepared(fresh(), authenticator);
    expect((await hiding.call('POST', '/signup/passkey', { body })).statusCode).toBe(202);
    for (const email of [taken, fresh()]) {
      const again = await hiding.call('POST', '/signup/passkey', {
        body: await prepared(email, authenticator),
      });
      expect([again.statusCode, again.json().code], email).toEqual([409, 'factor_exists']);
    }
  });

  test('nor does one tell that is registered elsewhere at the same moment', async () => {
    const { email: taken } = await person(hiding);
    const { db, hooks } = watchedDatabase(hiding.deps.databaseUrl);
    const app = await createApp({ ...hiding.deps, db });
    for (const email of [taken, fresh()]) {
      const authenticator = softAuthenticator();
      const elsewhere = await prepared(fresh(), authenticator);
      const payload = await prepared(email, authenticator);
      hooks.push({
        text: 'with pending as',
        before: () => hiding.call('POST', '/signup/passkey', { body: elsewhere }),
      });
      const answer = await app.inject({ method: 'POST', url: '/signup/passkey', payload });
      expect(answer.statusCode, answer.body).toBe(202);
      expect(hooks).toEqual([]);
    }
    await app.close();
    await db.close();
  });

  test('a name that is refused spends nothing: the same passkey goes with another', async () => {
    const body = await prepared(fresh(), softAuthenticator());
    const refused = await hiding.call('POST', '/signup/passkey', { body: { ...body, name: ' ' } });
    expect([refused.statusCode, refused.json().detail[0].loc]).toEqual([422, ['body', 'name']]);
    expect((await hiding.call('POST', '/signup/passkey', { body })).statusCode).toBe(202);
  });
});
