import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { PASSWORD, person } from '../../test/support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

describe('signing in', () => {
  test('keeps tokens in cookies that no script reads, and leads on to the page that was asked for', async () => {
    const ada = await person(world);
    const browser = new Browser(world);
    const asked = await browser.get('/account/sessions');
    expect([asked.statusCode, asked.headers.location]).toEqual([
      303,
      '/account/sign-in?next=%2Faccount%2Fsessions',
    ]);
    const page = await browser.follow(asked);
    const answer = await browser.submit(page, { username: ada.email, password: ada.password });
    expect(answer.headers.location).toBe('/account/sessions');
    expect(
      answer.cookies.map(({ name, httpOnly, sameSite, path }) => [
        name.slice(0, 16),
        httpOnly,
        sameSite,
        path,
      ]),
    ).toEqual([
      ['entrecore_access', true, 'Lax', '/'],
      ['entrecore_refres', true, 'Lax', '/'],
      ['entrecore_device', true, 'Lax', '/'],
    ]);
    // As long as the session may idle: a browser that is closed meanwhile is signed in when it is opened again.
    expect(answer.cookies.map(({ maxAge }) => maxAge)).toEqual([1800, 7 * 86_400, 400 * 86_400]);
    expect((await browser.get('/account/sessions')).body).toContain('This device');
  });

  test('under https the cookies are bound to the host', async () => {
    const secure = await testApp({ http: { publicUrl: 'https://id.example.com' } });
    try {
      const ada = await person(secure);
      const browser = new Browser(secure);
      const answer = await browser.submit(await browser.get('/account/sign-in'), {
        username: ada.email,
        password: ada.password,
      });
      const ours = answer.cookies.filter(({ name }) => !name.includes('device'));
      expect(ours.map(({ name, secure: only, domain }) => [name, only, domain])).toEqual([
        ['__Host-entrecore_access', true, undefined],
        ['__Host-entrecore_refresh', true, undefined],
      ]);
    } finally {
      await secure.close();
    }
  });

  test('says alike of an unknown name and a wrong password, and keeps the name', async () => {
    const ada = await person(world);
    const browser = new Browser(world);
    const page = await browser.get('/account/sign-in');
    const [wrong, unknown] = [
      await browser.submit(page, { username: ada.email, password: 'no' }),
      await browser.submit(page, { username: 'nobody@example.com', password: 'no' }),
    ];
    expect([wrong.statusCode, unknown.statusCode]).toEqual([401, 401]);
    // RFC 9110 §15.5.2
    expect(wrong.headers['www-authenticate']).toBe('Bearer');
    expect(wrong.body.replaceAll(ada.email, '')).toBe(unknown.body.replaceAll('nobody@example.com', ''));
    expect(wrong.body).toContain(`value="${ada.email}"`);
    expect(wrong.body).toContain('role="alert"');
  });

  test('never leads to another site', async () => {
    const ada = await person(world);
    for (const next of ['https://evil.example/', '//evil.example', '/account/../x', '/token']) {
      const browser = new Browser(world);
      const page = await browser.get(`/account/sign-in?next=${encodeURIComponent(next)}`);
      const answer = await browser.submit(page, { username: ada.email, password: ada.password });
      expect(answer.headers.location).toBe('/account');
    }
  });

  test('lasts past the access token, and ends with signing out, on the server too', async () => {
    const browser = await signedIn(world, await person(world));
    const refresh = browser.cookies.get('entrecore_refresh');
    world.deps.clock.advance(1900);
    expect((await browser.get('/account')).statusCode).toBe(200);
    expect(browser.cookies.get('entrecore_refresh')).not.toBe(refresh);
    const token = browser.cookies.get('entrecore_access');
    const answer = await browser.submit(await browser.get('/account'), {}, {}, '/account/sign-out');
    expect(answer.headers.location).toBe('/account/sign-in');
    expect([...browser.cookies.keys()].filter(name => /access|refresh/.test(name))).toEqual([]);
    expect((await world.call('GET', '/users/me', { ...(token !== undefined && { token }) })).statusCode).toBe(
      401,
    );
  });

  test('tells whoever signs in after somebody has signed out nothing that was meant for the other', async () => {
    const browser = await signedIn(world, await person(world));
    const page = await browser.get('/account');
    const saved = await browser.submit(page, { first_name: 'Augusta' }, {}, '/account/profile');
    expect(saved.headers.location).toBe('/account');
    await browser.submit(page, {}, {}, '/account/sign-out');
    await signedIn(world, await person(world), browser);
    expect((await browser.get('/account')).body).not.toContain('Your profile was saved.');
  });

  test('nor in place of somebody who has not signed out, but still tells what its own form came to', async () => {
    const [ada, bob] = [await person(world), await person(world)];
    const browser = new Browser(world);
    for (const [next, told] of [
      ['', false],
      ['?next=%2Faccount%3Fdone%3Dunsent', true],
    ] as const) {
      browser.cookies.clear();
      const open = await browser.get(`/account/sign-in${next}`);
      await signedIn(world, ada, browser);
      const page = await browser.get('/account');
      await browser.submit(page, { first_name: 'Augusta' }, {}, '/account/profile');
      await browser.submit(open, { username: bob.email, password: bob.password });
      const { body } = await browser.get('/account');
      expect(body).toContain(bob.id);
      expect(body).not.toContain('Your profile was saved.');
      expect(body.includes('role="status"')).toBe(told);
    }
  });

  test('the cookies open nothing of the API', async () => {
    const browser = await signedIn(world, await person(world));
    expect((await browser.get('/users/me')).statusCode).toBe(401);
  });
});

test('of two sign-ups in two tabs, neither gets the password that was chosen for the other', async () => {
  const browser = new Browser(world);
  const begin = async (email: string) => {
    const form = await browser.get('/account/sign-up');
    return browser.submitAndFollow(form, {
      first_name: 'Grace',
      last_name: 'Hopper',
      email,
      phone_number: '+254712345678',
    });
  };
  const first = await begin('first-tab@example.com');
  const second = await begin('second-tab@example.com');
  const chosen = { password: PASSWORD, confirm_password: PASSWORD };
  const refused = await browser.submit(first, chosen);
  expect(refused.statusCode).toBe(400);
  expect(refused.body).toContain('This sign-up was started elsewhere, or too long ago.');
  expect(refused.body).toContain('second-tab@example.com');
  const made = await browser.submit(second, chosen);
  expect(made.headers.location).toBe('/account');
});

test('signing up in two steps leads into the account; what is wrong stands at its field', async () => {
  const browser = new Browser(world);
  const email = 'grace@example.com';
  const start = await browser.get('/account/sign-up');
  const refused = await browser.submit(start, {
    first_name: 'Grace',
    last_name: 'Hopper',
    email: 'not an address',
    phone_number: '12',
  });
  expect(refused.statusCode).toBe(422);
  expect(refused.body).toMatch(/id="(email|phone_number)-error"/);
  expect(refused.body).toContain('value="Grace"');

  const step2 = await browser.submitAndFollow(start, {
    first_name: 'Grace',
    last_name: '<b>Hopper</b>',
    email,
    phone_number: '+254 712 345-678',
  });
  expect(step2.body).toContain(email);
  const differ = await browser.submit(step2, { password: PASSWORD, confirm_password: 'x' });
  expect(differ.body).toContain('id="confirm_password-error"');
  const done = await browser.submitAndFollow(step2, { password: PASSWORD, confirm_password: PASSWORD });
  expect(done.body).toContain('Welcome.');
  expect(done.body).toContain('&lt;b&gt;Hopper&lt;/b&gt;');
  expect(done.body).not.toContain('<b>Hopper');
  const again = await new Browser(world).get('/account/sign-up/password');
  expect(again.headers.location).toBe('/account/sign-up');
});

test('a forgotten password: the same answer for known and unknown addresses, and a mail for the known one', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  for (const email of [ada.email, 'unknown@example.com']) {
    const answer = await browser.submit(await browser.get('/account/forgot-password'), { email });
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/forgot-password/sent']);
  }
  expect((await mailsTo(world, ada.email)).map(({ template }) => template)).toEqual(['reset-password']);
});

describe('the account', () => {
  test('shows and saves the profile, and tells a taken username at its field', async () => {
    const [ada, other] = [await person(world), await person(world)];
    const browser = await signedIn(world, ada);
    const page = await browser.get('/account');
    const values = { first_name: 'Augusta', last_name: 'King', username: 'augusta', phone_number: '' };
    const saved = await browser.submitAndFollow(page, values, '/account/profile');
    expect(saved.body).toContain('Your profile was saved.');
    expect(saved.body).toContain('value="augusta"');
    const rival = await signedIn(world, other);
    const refused = await rival.submit(await rival.get('/account'), values, {}, '/account/profile');
    expect(refused.statusCode).toBe(409);
    expect(refused.body).toContain('<p class="error" id="username-error">');
  });

  test('asks for another proof when the last one is old, before an address is changed', async () => {
    const ada = await person(world);
    const browser = await signedIn(world, ada);
    world.deps.clock.advance(700);
    const change = { email: `new-${ada.email}` };
    const asked = await browser.submit(await browser.get('/account'), change, {}, '/account/email');
    expect(asked.headers.location).toBe('/account/confirm?next=%2Faccount%3Fdone%3Dunsent');
    const confirm = await browser.follow(asked);
    expect(confirm.body).toContain(`value="${ada.email}" autocomplete="username"`);
    expect((await browser.submit(confirm, { password: 'no' })).statusCode).toBe(401);
    const confirmed = await browser.submit(confirm, { password: ada.password });
    expect(confirmed.headers.location).toBe('/account');
    const done = await browser.submitAndFollow(await browser.get('/account'), change, '/account/email');
    expect(done.body).toContain('Waiting for confirmation');
    expect((await mailsTo(world, change.email)).map(({ template }) => template)).toEqual([
      'email-change-confirm',
    ]);
    const kept = await browser.submitAndFollow(done, { email: ada.email }, '/account/email');
    expect(kept.body).not.toContain('Waiting for confirmation');
  });

  test('changes the password, and signs the other devices out', async () => {
    const ada = await person(world);
    const [browser, other] = [await signedIn(world, ada), await signedIn(world, ada)];
    const page = await browser.get('/account/password');
    const wrong = await browser.submit(page, {
      current_password: 'no',
      new_password: 'Another-horse-battery-2',
      confirm_new_password: 'Another-horse-battery-2',
    });
    expect(wrong.body).toContain('<p class="error" id="current_password-error">');
    const done = await browser.submitAndFollow(page, {
      current_password: ada.password,
      new_password: 'Another-horse-battery-2',
      confirm_new_password: 'Another-horse-battery-2',
    });
    expect(done.body).toContain('Your password was changed');
    expect((await other.get('/account')).statusCode).toBe(303);
  });

  test('ends one device, and all of them', async () => {
    const ada = await person(world);
    const [browser, other] = [await signedIn(world, ada), await signedIn(world, ada)];
    const page = await browser.get('/account/sessions');
    const ended = await browser.submitAndFollow(page, {}, '/account/sessions/end');
    expect(ended.body).toContain('That device was signed out.');
    expect((await other.get('/account')).statusCode).toBe(303);
    await browser.submit(ended, {}, {}, '/account/sessions/end-all');
    expect((await browser.get('/account')).statusCode).toBe(303);
  });

  test('shows what happened, hands everything out, and closes', async () => {
    const ada = await person(world);
    const browser = await signedIn(world, ada);
    expect((await browser.get('/account/activity')).body).toContain('Signed in');
    const data = await browser.get('/account/data');
    const file = await browser.submit(data, {}, {}, '/account/data/export');
    expect(file.headers['content-disposition']).toBe('attachment; filename="account.json"');
    expect(file.json().user.email).toBe(ada.email);
    const kept = await browser.submit(data, { confirmation: 'yes' }, {}, '/account/data/close');
    expect(kept.body).toContain('<p class="error" id="confirmation-error">');
    const closed = await browser.submitAndFollow(data, { confirmation: ada.email }, '/account/data/close');
    expect(closed.body).toContain('Your account is closed');
    expect((await browser.get('/account')).statusCode).toBe(303);
  });

  test('refuses a form without its token, also from somebody who is signed in', async () => {
    const browser = await signedIn(world, await person(world));
    const answer = await browser.submit(await browser.get('/account/data'), { form_token: '' });
    expect(answer.statusCode).toBe(403);
    expect(answer.body).toContain('Go back, reload the page and try again');
  });
});
