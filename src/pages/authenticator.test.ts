import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { person } from '../../test/support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const codeOf = (page: string) => {
  const secret = /<code>([A-Z2-7 ]+)<\/code>/.exec(page)?.[1]?.replaceAll(' ', '') ?? '';
  return () =>
    new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: world.deps.clock.now().getTime() });
};

test('sets up an app, asks for it at the next sign-in, takes a recovery code, and removes it', async () => {
  const ada = await person(world);
  const browser = await signedIn(world, ada);
  const setUp = await browser.get('/account/security/authenticator');
  expect(setUp.body).toContain('<svg');
  const code = codeOf(setUp.body);
  const wrong = await browser.submit(setUp, { code: '000000' }, {}, '/account/security/authenticator');
  expect(wrong.body).toContain('<p class="error" id="code-error">');
  expect(codeOf(wrong.body)()).toBe(code());
  const codes = await browser.submit(wrong, { code: code() }, {}, '/account/security/authenticator');
  const recovery = [...codes.body.matchAll(/<li><code>([^<]+)<\/code>/g)].map(([, text]) => text as string);
  expect(recovery).toHaveLength(10);

  const next = new Browser(world);
  const half = await next.submitAndFollow(await next.get('/account/sign-in'), {
    username: ada.email,
    password: ada.password,
  });
  expect(half.body).toContain('Six-digit code');
  expect((await next.get('/account')).statusCode).toBe(303);
  expect((await next.submit(half, { code: '000000' })).statusCode).toBe(401);
  world.deps.clock.advance(30);
  expect((await next.submit(half, { code: code() })).headers.location).toBe('/account');

  const third = new Browser(world);
  const asked = await third.submitAndFollow(await third.get('/account/sign-in'), {
    username: ada.email,
    password: ada.password,
  });
  const byCode = await third.get('/account/sign-in/second-factor?factor=recovery_code');
  expect(byCode.body).toContain('Recovery code');
  expect(byCode.body).toMatch(/<input id="code"[^>]* spellcheck="false" autocapitalize="none"/);
  expect(asked.body).toContain('Use a recovery code');
  expect((await third.submit(byCode, { code: recovery[0] as string })).headers.location).toBe('/account');

  const security = await third.get('/account/security');
  expect(security.body).toContain('You have 9 left');
  const removed = await third.submitAndFollow(security, {}, '/account/security/totp/remove');
  expect(removed.body).toContain('It was removed.');
});

test('a wrong first code of an app is told to whoever has a long name in another script, too', async () => {
  const ada = await person(world);
  const token = (
    await world.call('POST', '/token', { form: { username: ada.email, password: ada.password } })
  ).json().access_token;
  await world.call('PUT', '/users/me', { token, body: { username: '名'.repeat(150) } });
  const browser = await signedIn(world, ada);
  const path = '/account/security/authenticator';
  const wrong = await browser.submit(await browser.get(path), { code: '000000' }, {}, path);
  expect(wrong.body).toContain('id="code-error"');
});

test('a page that comes back with a URI that no page of ours has is made anew', async () => {
  const browser = await signedIn(world, await person(world));
  const path = '/account/security/authenticator';
  const page = await browser.get(path);
  // As many characters as a QR code holds bytes.
  for (const name of ['x', 'é'.repeat(2_900)]) {
    const uri = `otpauth://totp/${name}?secret=ABCDEFGH`;
    const { statusCode } = await browser.submit(page, { code: '000000', uri }, {}, path);
    expect(statusCode).toBe(name === 'x' ? 401 : 303);
  }
});

test('an app that was set up from an older page is told to scan the newer code, and of two pages one ends it', async () => {
  const browser = await signedIn(world, await person(world));
  const path = '/account/security/authenticator';
  const [older, newer] = [await browser.get(path), await browser.get(path)];

  const replaced = await browser.submit(older, { code: codeOf(older.body)() }, {}, path);

  expect(replaced.statusCode).toBe(409);
  expect(replaced.body).toContain('Scan the code above');
  const done = await browser.submit(replaced, { code: codeOf(replaced.body)() }, {}, path);
  expect(done.body).toContain('Your authenticator app is on.');
  const late = await browser.submit(newer, { code: codeOf(newer.body)() }, {}, path);
  expect(late.statusCode).toBe(409);
  expect(late.body).toContain('This is already set up.');
  expect(late.body).toContain('<h1>Security</h1>');
});
