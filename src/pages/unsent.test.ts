import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/browser.ts';
import { person } from '../../test/support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const NOT_DONE = 'so your request was not carried out';
const ONCE_MORE = 'Your request was not carried out';

test.each([
  ['/account', '/account/profile', { first_name: 'Augusta' }],
  ['/account/sessions', '/account/sessions/end-all', {}],
  ['/account/data', '/account/data/export', {}],
])(
  'whoever sends a form of %s with a session that is over is told that nothing came of it',
  async (path, action, values) => {
    const ada = await person(world);
    const browser = await signedIn(world, ada);
    const page = await browser.get(path);
    browser.cookies.delete('entrecore_access');
    browser.cookies.delete('entrecore_refresh');
    const asked = await browser.submitAndFollow(page, values, action);
    expect(asked.body).toContain(NOT_DONE);
    const wrong = await browser.submit(asked, { username: ada.email, password: 'wrong' });
    expect(wrong.body).not.toContain(NOT_DONE);
    const back = await browser.submit(wrong, { username: ada.email, password: ada.password });
    expect(back.headers.location).toBe(path);
    expect((await browser.follow(back)).body).toContain(ONCE_MORE);
  },
);

test.each([
  ['/account', '/account/email', { email: 'new@example.com' }],
  ['/account/data', '/account/data/close', {}],
  ['/account/password', '/account/password', {}],
  ['/account/security/authenticator', '/account/security/authenticator', {}],
])(
  'whoever sends a form of %s with an old proof is told that it is to be sent once more',
  async (path, action, values) => {
    const ada = await person(world);
    const browser = await signedIn(world, ada);
    const page = await browser.get(path);
    world.deps.clock.advance(700);
    const asked = await browser.submitAndFollow(page, { ...values, confirmation: ada.email }, action);
    expect(asked.body).toContain('Confirm that it is you');
    expect(asked.body).toContain(ONCE_MORE);
    const back = await browser.submitAndFollow(asked, { password: ada.password });
    expect(back.body).toContain(ONCE_MORE);
  },
);

test('whoever opens a page is told nothing of the kind', async () => {
  const ada = await person(world);
  const browser = await signedIn(world, ada);
  world.deps.clock.advance(700);
  const asked = await browser.follow(await browser.get('/account/password'));
  expect(asked.body).not.toContain(ONCE_MORE);
  const back = await browser.submitAndFollow(asked, { password: ada.password });
  expect(back.body).toContain('Current password');
  expect(back.body).not.toContain(ONCE_MORE);
});

test('what was done is told once, on its page: no reload tells it again, and no link makes a page tell it', async () => {
  const browser = await signedIn(world, await person(world));
  const SAVED = 'Your profile was saved.';
  const save = async () => browser.submit(await browser.get('/account'), {}, {}, '/account/profile');
  expect((await save()).headers.location).toBe('/account');
  expect((await browser.get('/account/sessions')).body).not.toContain(SAVED);
  expect((await browser.get('/account')).body).toContain(SAVED);
  expect((await browser.get('/account')).body).not.toContain(SAVED);
  expect((await browser.get('/account?done=profile')).body).not.toContain(SAVED);
});
