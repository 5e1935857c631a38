import { expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, person } from '../../test/support/people.ts';
import { listActivity } from '../audit/list.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { Fragment, sql } from '../platform/sql.ts';

test('behind a believed proxy what is done on the pages is recorded with the address of whoever did it', async () => {
  const world = await testApp({ http: { trustProxy: 1 } });
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const from = (ip: string) => ({ 'x-forwarded-for': ip });
    const page = await browser.get('/account/sign-in');
    await browser.submit(page, { username: ada.email, password: ada.password }, from('198.51.100.1'));
    const profile = await browser.get('/account');
    await browser.submit(profile, { first_name: 'Augusta' }, from('198.51.100.2'), '/account/profile');
    await browser.submit(profile, {}, from('198.51.100.3'), '/account/sign-out');
    const { items } = await listActivity(world.deps, ada.id, { limit: 4 });
    expect(items.map(({ type, ip }) => [type, ip])).toEqual([
      ['session.ended', '198.51.100.3'],
      ['user.updated', '198.51.100.2'],
      ['device.added', '198.51.100.1'],
      ['login.succeeded', '198.51.100.1'],
    ]);
  } finally {
    await world.close();
  }
});

test('signing in anew ends the session that the browser had, and no other one (ASVS 7.2.4)', async () => {
  const world = await testApp({ signInByMail: true });
  try {
    const [ada, bob] = [await person(world), await person(world)];
    const browser = new Browser(world);
    const page = await browser.get('/account/sign-in');
    const elsewhere = await signedIn(world, ada);
    const tokenOf = ({ cookies }: Browser) => String(cookies.get('entrecore_access'));
    const refreshOf = ({ cookies }: Browser) => String(cookies.get('entrecore_refresh'));
    const signInAs = ({ email, password }: typeof ada) => browser.submit(page, { username: email, password });
    const signInByMail = async ({ email }: typeof ada) => {
      await browser.submit(await browser.get('/account/sign-in/mail'), { email });
      const code = (await mailsTo(world, email)).findLast(({ template }) => template === 'sign-in')?.secrets
        .code;
      const codePage = await browser.get('/account/sign-in/mail/code');
      return browser.submit(codePage, { code: String(code) }, {}, '/account/sign-in/mail/code');
    };
    for (const signIn of [() => signInAs(ada), () => signInAs(bob), () => signInByMail(ada)]) {
      const former = { token: tokenOf(browser), refresh_token: refreshOf(browser) };
      expect((await signIn()).headers.location).toBe('/account');
      const asked = await world.call('GET', '/users/me', { token: former.token });
      expect(asked.statusCode).toBe(401);
      const { refresh_token } = former;
      const refreshed = await world.call('POST', '/refresh-token', { body: { refresh_token } });
      expect(refreshed.json().code).toBe('invalid_refresh_token');
      expect((await browser.get('/account')).statusCode).toBe(200);
    }
    expect((await elsewhere.get('/account')).statusCode).toBe(200);
    const { items } = await listActivity(world.deps, bob.id, { limit: 1 });
    expect(items).toEqual([expect.objectContaining({ type: 'session.ended', reason: 'signed_in_anew' })]);
  } finally {
    await world.close();
  }
});

test('who cannot be signed in anew, since the former session cannot be ended now, keeps that one until the next try', async () => {
  const world = await testApp();
  const { db } = world.deps;
  const refuse = (statement: string) => db.run(new Fragment([statement], []));
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const page = await browser.get('/account/sign-in');
    const signIn = () => browser.submit(page, { username: ada.email, password: ada.password });
    await signIn();
    const former = String(browser.cookies.get('entrecore_access'));
    await refuse(`create function too_late() returns trigger language plpgsql as
      $$ begin raise exception 'too late' using errcode = '57014'; end $$`);
    await refuse(`create trigger too_late before update of ended_at on sessions
      for each row when (new.ended_at is not null) execute function too_late()`);
    expect((await signIn()).statusCode).toBe(503);
    expect(browser.cookies.get('entrecore_access')).toBe(former);
    await refuse('drop trigger too_late on sessions');
    expect((await signIn()).headers.location).toBe('/account');
    expect((await world.call('GET', '/users/me', { token: former })).statusCode).toBe(401);
  } finally {
    await world.close();
  }
});

test('a form that was left open by somebody else changes nothing of whoever is signed in by now', async () => {
  const world = await testApp();
  try {
    const [ada, bob] = [await person(world), await person(world)];
    const browser = await signedIn(world, ada);
    const open = await browser.get('/account');
    const confirming = await browser.get('/account/confirm');
    const signedOut = await browser.submitAndFollow(open, {}, '/account/sign-out');
    await browser.submit(signedOut, { username: bob.email, password: bob.password });

    for (const [page, action] of [
      [open, '/account/email'],
      [confirming, '/account/confirm'],
    ] as const) {
      const values = { email: 'other@example.com', password: ada.password };
      const refused = await browser.submit(page, values, {}, action);
      expect(refused.statusCode).toBe(403);
      expect(refused.body).toContain('somebody else has signed in since');
    }
    const token = /name="form_token" value="([^"]+)"/.exec(open.body)?.[1] as string;
    const linking = await browser.get(`/account/security/identities/acme?form_token=${token}`);
    expect(linking.statusCode).toBe(403);
    expect((await browser.get('/account')).body).not.toContain('other@example.com');
    // His own page has forms that he can send, and so has hers once she is back.
    const his = await browser.get('/account');
    const saved = '/account';
    expect((await browser.submit(his, {}, {}, '/account/profile')).headers.location).toBe(saved);
    const { cookies } = await signedIn(world, ada);
    for (const name of ['entrecore_access', 'entrecore_refresh'])
      browser.cookies.set(name, String(cookies.get(name)));
    expect((await browser.submit(open, {}, {}, '/account/profile')).headers.location).toBe(saved);
  } finally {
    await world.close();
  }
});

test('a database that is away when the access token is over signs nobody out', async () => {
  const world = await testApp();
  const { db } = world.deps;
  try {
    const browser = await signedIn(world, await person(world));
    const held = new Map(browser.cookies);
    await db.run(sql`create function away() returns trigger language plpgsql as
      $$ begin raise exception 'away' using errcode = '57014'; end $$`);
    await db.run(sql`create trigger away before update on sessions for each row execute function away()`);
    world.deps.clock.advance(1900);
    expect((await browser.get('/account')).statusCode).toBe(503);
    expect(browser.cookies).toEqual(held);
    await db.run(sql`drop trigger away on sessions`);
    expect((await browser.get('/account')).statusCode).toBe(200);
  } finally {
    await world.close();
  }
});

test('a form that was shown before the root secret changed is taken after it', async () => {
  const world = await testApp();
  const { config, secrets } = world.deps;
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const page = await browser.get('/account/sign-in');
    const root = 'another root secret, of 32 bytes and more';
    Object.assign(world.deps, { secrets: deriveSecrets(root, [config.secrets.root ?? '']) });
    const answer = await browser.submit(page, { username: ada.email, password: ada.password });
    expect(answer.headers.location).toBe('/account');
  } finally {
    Object.assign(world.deps, { secrets });
    await world.close();
  }
});

test('whoever has more permissions than a cookie holds can still prove who they are', async () => {
  const world = await testApp();
  try {
    const ada = await person(world, { roles: ['admin'] });
    const browser = await signedIn(world, ada);
    const { access_token: token } = await logIn(world, ada);
    for (let count = 0; count < 40; count++) {
      const body = { name: `${'long'.repeat(15)}:${'long'.repeat(14)}${count}`, description: 'Uses it' };
      expect((await world.call('POST', '/permissions', { token, body })).statusCode).toBe(201);
    }
    world.deps.clock.advance(601);
    const asked = await browser.follow(await browser.get('/account/security/authenticator'));
    const led = await browser.submit(asked, { password: ada.password }, {}, '/account/confirm');
    expect(led.headers.location).toBe('/account/security/authenticator');
    expect((await browser.follow(led)).body).toContain('Scan this code');
  } finally {
    await world.close();
  }
});
