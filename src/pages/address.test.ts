import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const AS_TYPED = ' spellcheck="false" autocapitalize="none" autocorrect="off"';

test('an address that does not exist is told with a page', async () => {
  const answer = await new Browser(world).get('/account/nowhere');
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
  expect(answer.body).toContain('The address may be mistyped');
});

test.each(['/account/profile', '/account/email', '/account/data/close', '/account/sign-out'])(
  '%s, where a refused form leaves its reader, is a page when it is opened again',
  async path => {
    const { statusCode, headers, body } = await new Browser(world).get(path);
    expect([statusCode, headers['content-type']]).toEqual([404, 'text/html; charset=utf-8']);
    expect(body).toContain('href="/account"');
  },
);

test('a phone leaves what somebody signs in with as it was typed, also a password that is shown', async () => {
  const { body } = await new Browser(world).get('/account/sign-in');
  for (const name of ['username', 'password'])
    expect(new RegExp(`<input id="${name}"[^>]*>`).exec(body)?.[0]).toContain(AS_TYPED);
});

test('a name is written from the side from which its script is read', async () => {
  const { body } = await new Browser(world).get('/account/sign-up');
  for (const [name, how] of Object.entries({ first_name: true, last_name: true, email: false }))
    expect(new RegExp(`<input id="${name}"[^>]* dir="auto">`).test(body), name).toBe(how);
});

test('a logo lies where BRAND_LOGO_URL says, on the origin, also where the pages stand under a path of it', async () => {
  const logoUrl = '/logo.svg';
  const under = await testApp({ http: { publicUrl: 'https://example.com/auth' }, brand: { logoUrl } });
  try {
    const { body } = await new Browser(under).get('/account/sign-in');
    expect(body).toContain('<img src="https://example.com/logo.svg"');
    expect(body).toContain('<link rel="icon" href="https://example.com/logo.svg"');
    expect(body).toContain('href="/auth/account/assets/pages.css"');
  } finally {
    await under.close();
  }
});
