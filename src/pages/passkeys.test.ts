import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { fillDisk, freeDisk } from '../../test/support/full-disk.ts';
import { PASSWORD, person } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

type Made = Record<string, unknown> & { readonly response: Record<string, unknown> };

const optionsIn = (body: string) =>
  JSON.parse(/data-options="([^"]+)"/.exec(body)?.[1]?.replaceAll('&quot;', '"') as string);

test('a passkey whose id cannot be stored signs nobody in, and is no defect', async () => {
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-in');
  const { options } = (await world.call('POST', '/token/passkey/options')).json();
  for (const id of ['a\0b', 'a\ud800b']) {
    const response = JSON.stringify({ ...softAuthenticator().get(options), id, rawId: id });
    const answer = await browser.submit(page, { response }, {}, '/account/sign-in/passkey');
    expect(answer.statusCode).toBe(401);
    expect(answer.body).toContain('That passkey was not accepted.');
  }
});

test('of how a new passkey can be reached, what cannot be stored is left out', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  await browser.submit(await browser.get('/account/sign-in'), { username: ada.email, password: PASSWORD });
  const page = await browser.get('/account/security/passkeys');
  const made = softAuthenticator().create(optionsIn(page.body)) as Made;
  const response = JSON.stringify({ ...made, response: { ...made.response, transports: ['usb', 'a\0b'] } });

  const answer = await browser.submit(page, { name: 'Mine', response }, {}, '/account/security/passkeys');

  expect(answer.headers.location).toBe('/account/security');
  const [stored] = (
    await world.call('GET', '/mfa/passkeys', { token: browser.cookies.get('entrecore_access') as string })
  ).json().passkeys;
  expect(stored.transports).toEqual(['usb']);
});

test('whoever made an account with a passkey or a password, and cannot be signed in now, is led to the sign-in', async () => {
  for (const way of ['passkey', 'password']) {
    const email = `new-by-${way}@example.com`;
    const browser = new Browser(world);
    const step2 = await browser.submitAndFollow(await browser.get('/account/sign-up'), {
      first_name: 'Grace',
      last_name: 'Hopper',
      email,
      phone_number: '+254712345678',
    });
    const token = browser.cookies.get('signup_token') as string;
    const { options } = (
      await world.call('POST', '/signup/passkey/options', { body: { email, signup_token: token } })
    ).json();
    await fillDisk(world.deps.db, 'sessions');
    const answer =
      way === 'passkey'
        ? await browser.submit(
            step2,
            { response: JSON.stringify(softAuthenticator().create(options)) },
            {},
            '/account/sign-up/passkey',
          )
        : await browser.submit(step2, { password: PASSWORD, confirm_password: PASSWORD });
    await freeDisk(world.deps.db, 'sessions');
    expect([answer.statusCode, answer.headers.location], answer.body).toEqual([303, '/account/sign-in']);
  }
});
