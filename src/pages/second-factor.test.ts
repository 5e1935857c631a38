import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { addTotp } from '../../test/support/totp.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ lockout: { attempts: 0 }, passwords: { maxAgeDays: 30 } });
});
afterAll(() => world.close());

const AGAIN = 'This sign-in took too long, or too many codes were wrong. Please start again.';

/** A browser that has proven the password of somebody who has an authenticator app, and the codes of that app. */
async function halfSignedIn(ada: Person) {
  const { access_token: token } = await logIn(world, ada);
  const { code } = await addTotp(world, token);
  world.deps.clock.advance(30);
  const browser = new Browser(world);
  const page = await browser.submitAndFollow(await browser.get('/account/sign-in?next=/account/sessions'), {
    username: ada.email,
    password: ada.password,
  });
  return { browser, page, code, token };
}

test('the fifth wrong code leads back to signing in, which says so; no code is asked for after it', async () => {
  const { browser, page, code } = await halfSignedIn(await person(world));
  for (let turn = 0; turn < 4; turn++)
    expect((await browser.submit(page, { code: '000000' })).body).toContain('id="code-error"');

  const burnt = await browser.submit(page, { code: '000000' });

  expect(burnt.statusCode).toBe(401);
  expect(burnt.body).toContain(AGAIN);
  expect(burnt.body).toContain('action="/account/sign-in"');
  expect(burnt.body).toContain('name="next" value="/account/sessions"');
  expect((await browser.get('/account/sign-in/second-factor')).headers.location).toBe('/account/sign-in');
  expect((await browser.submit(page, { code: code() })).body).toContain(AGAIN);
});

test('whoever starts again still gets to the page that they had asked for', async () => {
  const { page } = await halfSignedIn(await person(world));
  expect(page.body).toContain('href="/account/sign-in?next=%2Faccount%2Fsessions"');
});

test('a code that comes after ten minutes leads back to signing in, which says so', async () => {
  const { browser, page, code } = await halfSignedIn(await person(world));
  world.deps.clock.advance(601);
  const late = await browser.submit(page, { code: code() });
  expect(late.statusCode).toBe(401);
  expect(late.body).toContain(AGAIN);
});

test('an expired password is replaced on a page that says whose it is', async () => {
  const ada = await person(world);
  const { browser, code } = await halfSignedIn(ada);
  world.deps.clock.advance(31 * 86_400);
  const asked = await browser.submitAndFollow(await browser.get('/account/sign-in'), {
    username: ada.email,
    password: ada.password,
  });
  const expired = await browser.submit(asked, { code: code() });
  expect(expired.statusCode).toBe(403);
  expect(expired.body).toContain(`name="username" value="${ada.email}"`);
  expect(expired.body).toContain(`data-email="${ada.email}"`);
});

test('an expired password of somebody who signs in by username is held to the address, too', async () => {
  const ada = await person(world);
  const token = (
    await world.call('POST', '/token', { form: { username: ada.email, password: ada.password } })
  ).json().access_token;
  await world.call('PUT', '/users/me', { token, body: { username: 'countess' } });
  world.deps.clock.advance(31 * 86_400);
  const browser = new Browser(world);
  const expired = await browser.submit(await browser.get('/account/sign-in'), {
    username: 'countess',
    password: ada.password,
  });
  expect(expired.statusCode).toBe(403);
  expect(expired.body).toContain(`data-email="${ada.email}"`);
});

test('whoever is refused a text message is still offered the passkey', async () => {
  const ada = await person(world);
  const { browser, token } = await halfSignedIn(ada);
  const { options } = (await world.call('POST', '/mfa/passkeys/options', { token })).json();
  const body = { name: 'Mine', response: softAuthenticator().create(options) };
  expect((await world.call('POST', '/mfa/passkeys', { token, body })).statusCode).toBe(201);
  const page = await browser.get('/account/sign-in/second-factor');
  expect(page.body).toContain('action="/account/sign-in/second-factor/passkey"');
  const form = { form_token: /name="form_token" value="([^"]+)"/.exec(page.body)?.[1] as string };

  const refused = await browser.request('POST', '/account/sign-in/second-factor/text', form);

  expect(refused.statusCode).toBeGreaterThanOrEqual(400);
  expect(refused.body).toContain('action="/account/sign-in/second-factor/passkey"');
});

test('the session that the browser had ends once the second factor is right (ASVS 7.2.4)', async () => {
  const { browser, page, code } = await halfSignedIn(await person(world));
  const { cookies: former } = await signedIn(world, await person(world));
  for (const [name, value] of former) if (!browser.cookies.has(name)) browser.cookies.set(name, value);
  const token = String(former.get('entrecore_access'));
  expect((await world.call('GET', '/users/me', { token })).statusCode).toBe(200);
  expect((await browser.submit(page, { code: code() })).headers.location).toBe('/account/sessions');
  expect((await world.call('GET', '/users/me', { token })).statusCode).toBe(401);
});
