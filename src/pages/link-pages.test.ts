import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { logIn, PASSWORD, person } from '../../test/support/people.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { readMailbox } from '../delivery/mailbox.ts';
import { invite } from '../invitations/invite.ts';
import { operatorGranter } from '../rbac/operator.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const NEXT_PASSWORD = 'Another-horse-battery-2';

/** The path of the newest link of an action that an address was mailed. */
async function linkIn(to: string, action: string): Promise<string> {
  const mails = await readMailbox(world.deps, { to });
  const link = mails.flatMap(({ links }) => links).find(url => url.includes(`/account/${action}?`));
  if (link === undefined) throw new Error(`no ${action} mail to ${to}`);
  return link.slice(new URL(link).origin.length);
}

async function verificationOf({ id, email }: { id: string; email: string }): Promise<string> {
  const { token } = await issueChallenge(world.deps, world.deps.db, {
    purpose: 'verify-email',
    userId: id,
    sentTo: email,
    lifetime: 3600,
  });
  return `/account/verify-email?token=${token}`;
}

const isVerified = async (token: string) =>
  (await world.call('GET', '/users/me', { token })).json().email_verified as boolean;

describe('a mailed link', () => {
  test('is not spent by GET or HEAD, however often; its button spends it once', async () => {
    const ada = await person(world, { verified: false });
    const { access_token } = await logIn(world, ada);
    const path = await verificationOf(ada);
    const browser = new Browser(world);
    for (const method of ['GET', 'HEAD', 'GET', 'HEAD'] as const) {
      expect((await browser.request(method, path)).statusCode).toBe(200);
    }
    expect(await isVerified(access_token)).toBe(false);

    const page = await browser.get(path);
    expect(page.body.replace('<wbr>', '')).toContain(ada.email);
    const answer = await browser.submit(page);
    expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/verify-email/done']);
    expect(await isVerified(access_token)).toBe(true);
    expect((await browser.get('/account/verify-email/done')).body).toContain('Your address is confirmed');

    expect((await browser.submit(page)).statusCode).toBe(410);
    expect((await browser.get(path)).statusCode).toBe(410);
  });

  test('counts in the group of what it does: a whole office confirms, and whoever guesses does so as little as at the API', async () => {
    const counting = await testApp({ rateLimit: 'on' });
    const policyOf = async (action: string) => {
      const { headers } = await new Browser(counting).request('POST', `/account/${action}`, { token: 'x' });
      return headers['ratelimit-policy'];
    };
    try {
      for (const action of ['verify-email', 'confirm-email'])
        expect(await policyOf(action)).toBe('"signup";q=300;w=60');
      for (const action of ['undo-email-change', 'remove-password', 'not-me'])
        expect(await policyOf(action)).toBe('"reset";q=60;w=60');
    } finally {
      await counting.close();
    }
  });

  test('that expired, is of another purpose, or is none, says so and has no button', async () => {
    const ada = await person(world, { verified: false });
    const path = await verificationOf(ada);
    const browser = new Browser(world);
    const before = await browser.get(path);
    world.deps.clock.advance(3601);
    expect((await browser.submit(before)).statusCode).toBe(410);
    for (const old of [
      path,
      path.replace('verify-email', 'not-me'),
      '/account/verify-email',
      '/account/not-me?token=x',
    ]) {
      const page = await browser.get(old);
      expect(page.statusCode, old).toBe(410);
      expect(page.body).not.toContain('<form');
    }
  });

  test('never leaves its token in the address of the next page, a Referer or another host', async () => {
    const browser = new Browser(world);
    const page = await browser.get(await verificationOf(await person(world, { verified: false })));
    expect(page.headers['referrer-policy']).toBe('no-referrer');
    expect(page.headers['cache-control']).toBe('no-store');
    expect(page.headers['content-security-policy']).toBe(
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    const addresses = [...page.body.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(
      match => match[1] as string,
    );
    expect(addresses.filter(address => !/^(\/(?!\/)|#|data:,$)/.test(address))).toEqual([]);
    expect(addresses.filter(address => address.includes('token'))).toEqual([]);
    expect(page.body).not.toMatch(/<style|style="|<script(?![^>]* src=)|\son\w+=/);
  });

  test('is refused from another site, and without the token of the browser that saw the page', async () => {
    const ada = await person(world, { verified: false });
    const { access_token } = await logIn(world, ada);
    const browser = new Browser(world);
    const page = await browser.get(await verificationOf(ada));
    for (const [name, value] of [
      ['sec-fetch-site', 'cross-site'],
      ['sec-fetch-site', 'same-site'],
      ['origin', 'https://evil.example'],
    ] as const) {
      expect((await browser.submit(page, {}, { [name]: value })).statusCode).toBe(403);
    }
    expect((await browser.submit(page, { form_token: '' })).statusCode).toBe(403);
    expect((await browser.submit(page, { form_token: 'A'.repeat(43) })).statusCode).toBe(403);
    expect((await new Browser(world).submit(page)).statusCode).toBe(403);
    expect(await isVerified(access_token)).toBe(false);
    expect(
      (await browser.submit(page, {}, { 'sec-fetch-site': 'same-origin', origin: 'null' })).statusCode,
    ).toBe(303);
    expect(await isVerified(access_token)).toBe(true);
  });
});

test('what a person wrote is text on every page', async () => {
  const browser = new Browser(world);
  const email = `"'><script>alert(1)</script>@example.com`;
  const { token } = await issueChallenge(world.deps, world.deps.db, {
    purpose: 'remove-password',
    sentTo: email,
    lifetime: 60,
  });
  const page = await browser.get(`/account/remove-password?token=${token}`);
  expect(page.statusCode).toBe(200);
  expect(page.body).not.toContain('<script>alert');
  expect(page.body.replace('<wbr>', '')).toContain(
    '&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;@example.com',
  );
});

test('an address is changed from the new mailbox, and put back from the old one', async () => {
  const { call } = world;
  const ada = await person(world);
  const browser = new Browser(world);
  const { access_token } = await logIn(world, ada);
  const email = `new-${ada.email}`;
  await call('PUT', '/users/me', { token: access_token, body: { email } });

  await browser.submit(await browser.get(await linkIn(email, 'confirm-email')));
  expect((await call('GET', '/users/me', { token: access_token })).json().email).toBe(email);

  const undo = await browser.get(await linkIn(ada.email, 'undo-email-change'));
  expect(undo.body.replace('<wbr>', '')).toContain(ada.email);
  expect((await browser.submit(undo)).statusCode).toBe(303);
  expect((await call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
  expect(
    (await call('GET', '/users/me', { token: (await logIn(world, ada)).access_token })).json().email,
  ).toBe(ada.email);
});

test('a new password is chosen by a mailed link; what is wrong stands at its field, and spends nothing', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const page = await browser.get(await linkIn(ada.email, 'reset-password'));

  const differ = await browser.submit(page, { new_password: NEXT_PASSWORD, confirm_new_password: 'x' });
  expect(differ.statusCode).toBe(400);
  expect(differ.body).toContain(
    '<p class="error" id="confirm_new_password-error">The two passwords differ.</p>',
  );
  const weak = await browser.submit(page, { new_password: 'password', confirm_new_password: 'password' });
  expect(weak.statusCode).toBe(422);
  expect(weak.body).toContain('id="new_password-error"');
  expect(weak.body).toMatch(
    /<input id="new_password"[^>]*aria-describedby="[^"]*new_password-error"[^>]*aria-invalid="true"/,
  );
  expect(weak.body).not.toContain('value="password"');

  const filled = { new_password: NEXT_PASSWORD, confirm_new_password: NEXT_PASSWORD };
  expect((await browser.submit(weak, filled)).headers.location).toBe('/account/reset-password/done');
  expect((await browser.submit(weak, filled)).statusCode).toBe(410);
  await logIn(world, { ...ada, password: NEXT_PASSWORD });
  const old = await world.call('POST', '/token', { form: { username: ada.email, password: PASSWORD } });
  expect(old.statusCode).toBe(401);
});

test('two passwords that differ are told at the field of an invitation, and do not spend it', async () => {
  const email = `${world.deps.random.uuid()}@example.com`;
  await invite(world.deps, await operatorGranter(world.deps.db), { email, roles: ['user'] });
  const browser = new Browser(world);
  const page = await browser.get(await linkIn(email, 'invitation'));
  const filled = { first_name: 'Ada', last_name: 'Lovelace', password: PASSWORD };

  const differ = await browser.submit(page, { ...filled, confirm_password: 'x' });
  expect(differ.statusCode).toBe(400);
  expect(differ.body).toContain('<p class="error" id="confirm_password-error">The two passwords differ.</p>');
  expect(differ.body).not.toContain('class="alert"');
  const accepted = await browser.submit(differ, { ...filled, confirm_password: PASSWORD });
  expect(accepted.headers.location).toBe('/account/invitation/done');
});

test('whoever comes with an invitation that is over is sent to whoever invited them, and to no password mail', async () => {
  const { statusCode, body } = await new Browser(world).get('/account/invitation?token=old');
  expect(statusCode).toBe(410);
  expect(body).toContain('ask whoever invited you for a new invitation');
  expect(body).toContain('href="/account/sign-in"');
  expect(body).not.toContain('/account/forgot-password');
});
