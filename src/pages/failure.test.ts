import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { heldHasher } from '../../test/support/held-hasher.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { person } from '../../test/support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

test('a lock, and a limit, say when to try again', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  const wrong = async () =>
    browser.submit(await browser.get('/account/sign-in'), { username: ada.email, password: 'wrong' });
  for (let turn = 0; turn < 5; turn++) await wrong();
  const locked = await wrong();
  expect([locked.statusCode, locked.headers['retry-after']]).toEqual([429, '900']);
  expect(locked.body).toContain(
    'Too many attempts. Choose a new password by mail, or wait. Try again in 15 minutes.',
  );

  const tight = await testApp({ rateLimit: { login: { points: 1, seconds: 60 } } });
  try {
    const another = new Browser(tight);
    const form = await another.get('/account/sign-in');
    await another.submit(form, { username: 'nobody', password: 'wrong' });
    const limited = await another.submit(form, { username: 'nobody', password: 'wrong' });
    expect([limited.statusCode, limited.headers['retry-after']]).toEqual([429, '60']);
    expect(limited.body).toContain('<h1>One moment, please</h1>');
    expect(limited.body).toContain('That was too much at once. Try again in a minute.');
    expect(limited.body).not.toContain('reference');
  } finally {
    await tight.close();
  }
});

test('a form that comes when too many others do says when to send it again, once', async () => {
  const full = await testApp();
  try {
    const held = heldHasher({ ...full.deps.config.passwords, queueMax: 0 });
    Object.assign(full.deps, { hasher: held.hasher });
    const browser = new Browser(full);
    const form = await browser.get('/account/sign-in');
    await held.whileBusy(async () => {
      const refused = await browser.submit(form, { username: 'ada', password: 'any' });
      expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
      expect(refused.body).toContain('We have too much to do just now. Try again in a minute.');
    });
  } finally {
    await full.close();
  }
});

test('what a person may do in a minute holds on the pages as at the API, from however many addresses', async () => {
  const open = await testApp({ rateLimit: 'on', http: { trustProxy: 1 } });
  try {
    const browser = await signedIn(open, await person(open));
    const form = await browser.get('/account');
    const rename = (i: number) =>
      browser.submit(
        form,
        { first_name: `Ada ${i % 2}` },
        { 'x-forwarded-for': `192.0.2.${i}` },
        '/account/profile',
      );
    const statuses = [];
    for (let i = 0; i < 61; i++) statuses.push((await rename(i)).statusCode);
    expect(new Set(statuses.slice(0, 60))).toEqual(new Set([303]));
    expect(statuses[60]).toBe(429);
  } finally {
    await open.close();
  }
});

test('what is too long for any form is said on the page about it, and not to be marked on another', async () => {
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-in');
  const refused = await browser.submit(page, { username: 'a'.repeat(321), password: 'x' });
  expect(refused.statusCode).toBe(422);
  expect(refused.body).toContain('Use at most 320 characters.');
  expect(refused.body).not.toContain('marked below');
});

test('a form that is larger than any we take is refused on a page in words, and its connection is kept', async () => {
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-in');
  const refused = await browser.submit(page, { username: 'a'.repeat(70_000), password: 'x' });
  expect([refused.statusCode, refused.headers['content-type']]).toEqual([413, 'text/html; charset=utf-8']);
  expect(refused.body).toContain('That is more than this form takes. Go back, shorten it and send it again.');
  // If it were closed while the form is on its way, the browser would show an error of its own (RFC 9112 §9.6).
  expect(refused.headers.connection).not.toBe('close');
});

test('whoever must confirm an address, and lost the mail, is told the way that the page has for it', async () => {
  const strict = await testApp({ requireVerifiedEmail: true });
  try {
    const ada = await person(strict, { verified: false });
    const browser = new Browser(strict);
    const form = { username: ada.email, password: ada.password };
    const refused = await browser.submit(await browser.get('/account/sign-in'), form);
    expect(refused.statusCode).toBe(403);
    expect(refused.body).toContain('ask for a new password: that mail confirms the address, too');

    await browser.submit(await browser.get('/account/forgot-password'), { email: ada.email });
    const [mail] = await mailsTo(strict, ada.email);
    const reset = await browser.get(`/account/reset-password?token=${mail?.secrets.token}`);
    const password = 'Another-horse-battery-2';
    await browser.submit(reset, { new_password: password, confirm_new_password: password });
    const done = await browser.submit(await browser.get('/account/sign-in'), { ...form, password });
    expect(done.headers.location).toBe('/account');
  } finally {
    await strict.close();
  }
});

test('a name that is longer than the API takes is refused at its field', async () => {
  const long = 'x'.repeat(101);
  const stranger = new Browser(world);
  const refused = await stranger.submit(await stranger.get('/account/sign-up'), {
    first_name: long,
    last_name: 'Hopper',
    email: 'long-name@example.com',
    phone_number: '+254712345678',
  });
  const browser = await signedIn(world, await person(world));
  const page = await browser.get('/account');
  const kept = await browser.submit(page, { first_name: long }, {}, '/account/profile');
  for (const answer of [refused, kept]) {
    expect(answer.statusCode).toBe(422);
    expect(answer.body).toContain('<p class="error" id="first_name-error">Use at most 100 characters.</p>');
  }
});
