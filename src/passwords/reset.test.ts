import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, PASSWORD, person } from '../../test/support/people.ts';
import { NEW, resets } from '../../test/support/resets.ts';
import { withinQuota } from '../challenges/quota.ts';
import { sql } from '../platform/sql.ts';
import { resetPassword } from './reset.ts';
import { setPassword } from './set.ts';

const SAID = { message: 'If the email exists, a reset link has been sent' };

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const { request, confirm, tokensTo, linkFor, logsIn } = resets(() => world);

describe('asking', () => {
  test('the answer is the same for a known, an unknown and a disabled address, and the token goes by mail only', async () => {
    const ada = await person(world);
    const off = await person(world);
    await world.deps.db.run(
      sql`update users set disabled_at = ${world.deps.clock.now()}::timestamptz where id = ${off.id}::uuid`,
    );
    const answers = [await request(ada.email), await request('nobody@example.com'), await request(off.email)];
    for (const answer of answers) {
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toEqual(SAID);
    }
    const [sent] = await tokensTo(ada.email);
    expect(sent).toMatch(/^[\w-]{43}$/);
    expect(answers[0]?.body).not.toContain(sent);
    expect(await tokensTo(off.email)).toEqual([]);
    expect(await mailsTo(world, 'nobody@example.com')).toEqual([]);
  });

  test('?email= is accepted, in any case; no address at all is a 422', async () => {
    const ada = await person(world);
    const asked = await world.call('POST', `/password-reset/request?email=${ada.email.toUpperCase()}`);
    expect(asked.json()).toEqual(SAID);
    expect(await tokensTo(ada.email)).toHaveLength(1);
    const none = await world.call('POST', '/password-reset/request', { body: {} });
    expect(none.statusCode).toBe(422);
    expect(none.json().detail[0]).toMatchObject({ type: 'missing', loc: ['body', 'email'] });
    const wrong = await world.call('POST', '/password-reset/request?email=nobody');
    expect(wrong.json().detail[0]).toMatchObject({ type: 'value_error', loc: ['query', 'email'] });
  });

  test('whatever is typed, the mail goes to the mailbox that is stored', async () => {
    const ada = await person(world, { email: `${world.deps.random.uuid()}-strasse@example.com` });
    const typed = ada.email.replace('strasse', 'stra\u00dfe');
    await request(typed);
    expect(await mailsTo(world, typed)).toEqual([]);
    expect(await tokensTo(ada.email)).toHaveLength(1);
  });

  test('the token lies in the database neither readable nor usable', async () => {
    const ada = await person(world);
    const token = await linkFor(ada);
    const [row] = await world.deps.db.rows<{ text: string }>(sql`
      select (select string_agg(c::text, '') from challenges c) || (select string_agg(o::text, '') from outbox o) as text`);
    expect(row?.text).not.toContain(token);
    expect(row?.text).not.toContain(Buffer.from(token).toString('hex'));
  });

  test('an address gets five mails an hour, however many ask at once', async () => {
    const limited = await testApp({ rateLimit: 'on' });
    try {
      const ada = await person(limited);
      const answers = await Promise.all(Array.from({ length: 12 }, () => request(ada.email, limited)));
      expect(new Set(answers.map(answer => answer.body)).size).toBe(1);
      const atOnce = (await tokensTo(ada.email, limited)).length;
      expect(atOnce).toBeGreaterThan(0);
      expect(atOnce).toBeLessThan(6);
      for (let count = 0; count < 6; count++) await request(ada.email, limited);
      expect(await tokensTo(ada.email, limited)).toHaveLength(5);
      limited.deps.clock.advance(3601);
      await request(ada.email, limited);
      expect(await tokensTo(ada.email, limited)).toHaveLength(6);
    } finally {
      await limited.close();
    }
  });
});

// A queue behind an account's row or turn would tell by the slowest of many requests that there is an account.
test('a request waits for nobody who writes to the account or asks at the same moment', async () => {
  const limited = await testApp({ rateLimit: 'on' });
  try {
    const ada = await person(limited);
    const { db } = limited.deps;
    await db.transaction(async tx => {
      await tx.row(sql`select from users where id = ${ada.id}::uuid for no key update`);
      expect((await request(ada.email, limited)).json()).toEqual(SAID);
    });
    expect(await tokensTo(ada.email, limited)).toHaveLength(1);
    await db.transaction(async tx => {
      await withinQuota(limited.deps, tx, {
        purpose: 'reset-password',
        userId: ada.id,
        address: ada.email,
        limit: 5,
        busy: 'wait',
      });
      expect((await request(ada.email, limited)).json()).toEqual(SAID);
    });
    // Whoever has the turn mails: one link is enough.
    expect(await tokensTo(ada.email, limited)).toHaveLength(1);
  } finally {
    await limited.close();
  }
});

describe('confirming', () => {
  test('sets the password, ends every session, forgets devices, and starts no session', async () => {
    const ada = await person(world);
    const { access_token, refresh_token } = await logIn(world, ada);
    const token = await linkFor(ada);
    const done = await confirm(token);
    expect(done.statusCode, done.body).toBe(200);
    expect(done.json()).toEqual({ message: 'Password updated successfully' });
    expect(done.headers['set-cookie']).toBeUndefined();
    expect((await world.call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
    expect((await world.call('POST', '/refresh-token', { body: { refresh_token } })).statusCode).toBe(401);
    expect(await logsIn(ada, ada.password)).toBe(false);
    expect(await logsIn(ada, NEW)).toBe(true);
    expect((await mailsTo(world, ada.email)).map(({ template }) => template)).toContain('password-changed');
  });

  test('works once, for an hour, and voids the other reset tokens', async () => {
    const ada = await person(world);
    const [first, second] = [await linkFor(ada), await linkFor(ada)];
    expect((await confirm(first)).statusCode).toBe(200);
    for (const dead of [first, second]) {
      const answer = await confirm(dead, 'Yet-another-one-8');
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({
        code: 'invalid_reset_token',
        detail: 'Invalid or expired reset token',
      });
    }
    const late = await linkFor(ada);
    world.deps.clock.advance(3601);
    expect((await confirm(late)).json().code).toBe('invalid_reset_token');
  });

  test('of ten at once with one token, one wins', async () => {
    const ada = await person(world);
    const token = await linkFor(ada);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => confirm(token, `Entirely-other-${index}`)),
    );
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 400)).toHaveLength(9);
  });

  test('a password and its confirmation are the same however a keyboard composes their accents', async () => {
    const token = await linkFor(await person(world));
    expect((await confirm(token, 'Zo\u00eb-sails-9', 'Zoe\u0308-sails-9')).statusCode).toBe(200);
  });

  test('two passwords that differ, and one that breaks the policy, spend nothing', async () => {
    const ada = await person(world);
    const token = await linkFor(ada);
    const differ = await confirm(token, NEW, `${NEW}x`);
    expect(differ.statusCode).toBe(400);
    expect(differ.json()).toMatchObject({ code: 'passwords_differ', detail: 'Passwords do not match' });
    const weak = await confirm(token, 'short');
    expect(weak.statusCode).toBe(422);
    expect(weak.json().detail[0].loc).toEqual(['body', 'new_password']);
    const own = await confirm(token, 'AdaLovelace1');
    expect(own.json().detail[0].type).toBe('password_own_words');
    expect((await confirm(token)).statusCode).toBe(200);
  });

  test('the password that it replaces counts as used, and the next reset refuses it', async () => {
    const ada = await person(world);
    expect((await confirm(await linkFor(ada))).statusCode).toBe(200);
    const token = await linkFor(ada);
    for (const used of [PASSWORD, NEW])
      expect((await confirm(token, used)).json().detail[0]).toMatchObject({
        type: 'password_used_before',
        loc: ['body', 'new_password'],
      });
    expect((await confirm(token, 'Yet-another-one-8')).statusCode).toBe(200);
    expect((await confirm(await linkFor(ada), NEW)).statusCode).toBe(422);
  });

  test('so does one that an operator replaces, whom nobody asks for the one before', async () => {
    const ada = await person(world);
    const hash = await world.deps.hasher.hash('Set-by-hand-9');
    const set = await world.deps.db.transaction(tx => setPassword(world.deps, tx, { userId: ada.id, hash }));
    expect(set).toBe(true);
    expect((await confirm(await linkFor(ada), PASSWORD)).json().detail[0].type).toBe('password_used_before');
  });

  test('without a history any password goes, but where passwords expire the expired one', async () => {
    for (const [maxAgeDays, status] of [
      [0, 200],
      [90, 422],
    ] as const) {
      const forgetful = await testApp({ passwords: { history: 0, maxAgeDays } });
      const ada = await person(forgetful);
      const again = await confirm(await linkFor(ada, forgetful), PASSWORD, PASSWORD, forgetful);
      expect(again.statusCode, again.body).toBe(status);
      expect((await confirm(await linkFor(ada, forgetful), NEW, NEW, forgetful)).statusCode).toBe(200);
      const kept = await forgetful.deps.db.row(sql`select count(*) as n from password_history`);
      expect(kept).toEqual({ n: 0 });
      await forgetful.close();
    }
  });

  test('passwords and tokens in the URL are refused', async () => {
    const ada = await person(world);
    const token = await linkFor(ada);
    const inUrl = await world.call(
      'POST',
      `/password-reset/confirm?token=${token}&new_password=${NEW}&confirm_new_password=${NEW}`,
    );
    expect(inUrl.statusCode).toBe(422);
    const both = await world.call('POST', `/password-reset/confirm?new_password=${NEW}`, {
      body: { token, new_password: NEW, confirm_new_password: NEW },
    });
    expect(both.statusCode).toBe(422);
    expect(both.json().detail[0]).toMatchObject({ type: 'extra_forbidden', loc: ['query', 'new_password'] });
    expect((await confirm(token)).statusCode).toBe(200);
  });

  test('lifts a lock', async () => {
    const ada = await person(world);
    for (let attempt = 0; attempt < 5; attempt++) await logsIn(ada, 'wrong');
    expect(
      (await world.call('POST', '/token', { form: { username: ada.email, password: ada.password } }))
        .statusCode,
    ).toBe(429);
    expect((await confirm(await linkFor(ada))).statusCode).toBe(200);
    expect(await logsIn(ada, NEW)).toBe(true);
  });

  test('an access token, a refresh token and a verification token are no reset token', async () => {
    const ada = await person(world);
    const { access_token, refresh_token } = await logIn(world, ada);
    for (const token of [access_token.slice(0, 200), refresh_token, 'A'.repeat(43), '']) {
      expect((await confirm(token)).json().code).toBe('invalid_reset_token');
    }
  });

  test('a second factor stays, and is still asked for', async () => {
    const ada = await person(world);
    await world.deps.db.run(sql`
      insert into factors (id, user_id, kind, created_at, confirmed_at)
      values (${world.deps.random.uuid()}::uuid, ${ada.id}::uuid, 'totp', ${world.deps.clock.now()}::timestamptz, ${world.deps.clock.now()}::timestamptz)`);
    await world.deps.db.run(sql`update users set mfa_enabled = true where id = ${ada.id}::uuid`);
    const { mfa_token } = (
      await world.call('POST', '/token', { form: { username: ada.email, password: ada.password } })
    ).json();
    expect((await confirm(await linkFor(ada))).statusCode).toBe(200);
    const login = await world.call('POST', '/token', { form: { username: ada.email, password: NEW } });
    expect(login.json().code).toBe('mfa_required');
    expect(login.json().mfa_token).not.toBe(mfa_token);
    const stale = await world.call('POST', '/token/mfa', {
      body: { mfa_token, factor: 'totp', code: '000000' },
    });
    expect(stale.json().code).toBe('invalid_mfa_token');
  });

  test('the account must not have been disabled since, however it was', async () => {
    const { clock, db } = world.deps;
    const ada = await person(world);
    const token = await linkFor(ada);
    await db.run(sql`update users set disabled_at = ${clock.now()}::timestamptz where id = ${ada.id}::uuid`);
    expect((await confirm(token)).json().code).toBe('invalid_reset_token');
    await db.run(sql`update users set disabled_at = null where id = ${ada.id}::uuid`);
    expect(await logsIn(ada, ada.password)).toBe(true);
  });

  test('the address that the link went to must still be the account’s own', async () => {
    const ada = await person(world);
    const token = await linkFor(ada);
    const { db, hasher } = world.deps;
    // Also where it is another one only once the new password is hashed.
    const hash: typeof hasher.hash = async (...args) => {
      const made = await hasher.hash(...args);
      await db.run(sql`update users set email = 'moved@example.com' where id = ${ada.id}::uuid`);
      return made;
    };
    const moving = { ...world.deps, hasher: { ...hasher, hash } };
    const caller = { requestId: 'moving', ip: '127.0.0.1', userAgent: 'test' };
    const choice = { token, password: NEW, confirmation: NEW };
    const refused = { code: 'invalid_reset_token' };
    await expect(resetPassword(moving, caller, choice)).rejects.toMatchObject(refused);
    expect((await confirm(token)).json()).toMatchObject(refused);
  });
});
