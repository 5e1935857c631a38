import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import { readMailbox } from '../delivery/mailbox.ts';
import { sql } from '../platform/sql.ts';
import { undoEmailChange } from '../profile/undo-email-change.ts';
import { disownNotice } from './disown.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };

/** Sends a notice to an address of somebody and returns the token in its "this was not me". */
async function notice({ id }: Person, to: string): Promise<string> {
  await world.deps.db.transaction(tx =>
    enqueueMail(world.deps, tx, { template: 'password-changed', to, userId: id, params: {} }),
  );
  const [mail] = await readMailbox(world.deps, { to });
  const link = mail?.links.find(url => url.includes('/account/not-me?'));
  return new URL(link ?? '').searchParams.get('token') ?? '';
}

const templates = async (to: string) => (await mailsTo(world, to)).map(({ template }) => template);

test('"this was not me" ends sessions, voids links and mails a reset, for one of five callers at once', async () => {
  const ada = await person(world);
  const { access_token, refresh_token } = await logIn(world, ada);
  await world.call('POST', '/password-reset/request', { body: { email: ada.email } });
  const [stolen] = await mailsTo(world, ada.email);
  const token = await notice(ada, ada.email);

  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => disownNotice(world.deps, caller, token)),
  );
  const won = outcomes.filter(({ status }) => status === 'fulfilled');
  expect(won.map(outcome => 'value' in outcome && outcome.value)).toEqual([
    { addressRestored: false, resetSent: true },
  ]);
  const lost = outcomes.filter(outcome => outcome.status === 'rejected');
  expect(lost.map(({ reason }) => reason.code)).toEqual(Array(4).fill('invalid_link'));
  expect((await world.call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
  expect((await world.call('POST', '/refresh-token', { body: { refresh_token } })).statusCode).toBe(401);
  const reset = await world.call('POST', '/password-reset/confirm', {
    body: {
      token: stolen?.secrets.token,
      new_password: 'Stolen-horse-battery-9',
      confirm_new_password: 'Stolen-horse-battery-9',
    },
  });
  expect(reset.json().code).toBe('invalid_reset_token');
  expect((await templates(ada.email)).filter(name => name === 'reset-password')).toHaveLength(2);
});

test('a notice puts the former address back also where the new one only looks like it', async () => {
  const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
  const { access_token } = await logIn(world, ada);
  const email = ada.email.replace('admin', 'adm\u0131n');
  await world.call('PUT', '/users/me', { token: access_token, body: { email } });
  const [confirm] = await mailsTo(world, email);
  await world.call('POST', `/verify-email/${confirm?.secrets.token}`);
  const token = await notice(ada, ada.email);
  expect(await disownNotice(world.deps, caller, token)).toEqual({ addressRestored: true, resetSent: true });
  expect(await templates(ada.email)).toContain('reset-password');
  expect(await templates(email)).not.toContain('reset-password');
});

test('a notice to the former address puts it back within 72 hours, and the new mailbox is told nothing more', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const email = `thief-${ada.email}`;
  await world.call('PUT', '/users/me', { token: access_token, body: { email } });
  const [confirm] = await mailsTo(world, email);
  await world.call('POST', `/verify-email/${confirm?.secrets.token}`);
  const [changed] = (await readMailbox(world.deps, { to: ada.email })).filter(
    ({ template }) => template === 'email-changed',
  );
  const link = changed?.links.find(url => url.includes('/account/not-me?')) ?? '';
  world.deps.clock.advance(71 * 3600);

  const browser = new Browser(world);
  const path = link.slice(new URL(link).origin.length);
  const page = await browser.get(path);
  expect(page.body.replace('<wbr>', '')).toContain(ada.email);
  expect((await browser.submit(page)).headers.location).toBe('/account/not-me/done');
  expect((await browser.get(path)).statusCode).toBe(410);
  const { access_token: fresh } = await logIn(world, ada);
  const me = (await world.call('GET', '/users/me', { token: fresh })).json();
  expect([me.email, me.pending_email]).toEqual([ada.email, null]);
  expect(await templates(ada.email)).toContain('reset-password');
  expect(await templates(email)).not.toContain('reset-password');
  const admin = await person(world, { roles: ['admin'] });
  const trail = await world.call('GET', `/audit-events?type=email.change_undone&user_id=${ada.id}`, {
    token: (await logIn(world, admin)).access_token,
  });
  expect(trail.json().items).toMatchObject([
    { outcome: 'success', reason: 'notice_disowned', data: { from: email, to: ada.email } },
  ]);
});

test('a thief who disowns a change of their own does not cut the owner off', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const [stolen, third] = [`thief-${ada.email}`, `third-${ada.email}`];
  for (const email of [stolen, third]) {
    await world.call('PUT', '/users/me', { token: access_token, body: { email } });
    const [confirm] = (await mailsTo(world, email)).filter(
      ({ template }) => template === 'email-change-confirm',
    );
    await world.call('POST', `/verify-email/${confirm?.secrets.token}`);
    world.deps.clock.advance(60);
  }
  const back = { addressRestored: true, resetSent: true };
  expect(await disownNotice(world.deps, caller, await notice(ada, stolen))).toEqual(back);
  const [undo] = (await mailsTo(world, ada.email)).filter(({ template }) => template === 'email-changed');
  const answer = await world.call('POST', '/email-change/undo', { body: { token: undo?.secrets.token } });
  expect(answer.statusCode, answer.body).toBe(200);
  await logIn(world, ada);
});

test('each way in that a stranger may have opened half-way is void, and none of those that undo something', async () => {
  const { db } = world.deps;
  const { id: userId, email } = await person(world);
  const ways = ['change-email', 'mfa', 'oauth-code', 'passkey', 'sign-in', 'sms-enrol', 'sms-login'] as const;
  for (const purpose of [...ways, 'undo-email-change'] as const)
    await issueChallenge(world.deps, db, { purpose, userId, sentTo: `former-${email}`, lifetime: 60 });
  await disownNotice(world.deps, caller, await notice({ id: userId, email, password: '' }, email));
  const open = await db.rows<{ purpose: string }>(sql`
    select purpose from challenges where user_id = ${userId}::uuid and consumed_at is null order by purpose`);
  // The reset is the one that the disowning itself has mailed.
  expect(open.map(({ purpose }) => purpose)).toEqual(['reset-password', 'undo-email-change']);
});

test('a change that waits is called off', async () => {
  const ada = await person(world);
  const { access_token } = await logIn(world, ada);
  const email = `waiting-${ada.email}`;
  await world.call('PUT', '/users/me', { token: access_token, body: { email } });
  await disownNotice(world.deps, caller, await notice(ada, ada.email));
  const [confirm] = await mailsTo(world, email);
  expect((await world.call('POST', `/verify-email/${confirm?.secrets.token}`)).statusCode).toBe(404);
});

test("a mailbox that is not the account's, a token after 72 hours and a forged one are refused", async () => {
  const ada = await person(world);
  await expect(
    disownNotice(world.deps, caller, await notice(ada, 'stranger@example.com')),
  ).rejects.toMatchObject({ code: 'invalid_link' });
  const token = await notice(ada, ada.email);
  const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
  await expect(disownNotice(world.deps, caller, forged)).rejects.toMatchObject({ code: 'invalid_link' });
  world.deps.clock.advance(72 * 3600 + 1);
  await expect(disownNotice(world.deps, caller, token)).rejects.toMatchObject({ code: 'invalid_link' });
});

test('who takes an account back gets the link, however many a thief had asked for; those are void', async () => {
  const tight = await testApp({ rateLimit: 'on' });
  try {
    const ada = await person(tight);
    const { access_token } = await logIn(tight, ada);
    const email = `thief-${ada.email}`;
    await tight.call('PUT', '/users/me', { token: access_token, body: { email } });
    for (let turn = 0; turn < 6; turn++)
      await tight.call('POST', '/password-reset/request', { body: { email: ada.email } });
    const links = async () => {
      const mails = await readMailbox(tight.deps, { to: ada.email });
      return mails.filter(({ template }) => template === 'reset-password').length;
    };
    expect(await links()).toBe(5);
    const [notice] = (await readMailbox(tight.deps, { to: ada.email })).filter(
      ({ template }) => template === 'email-change-notice',
    );
    const tokenIn = (page: string) =>
      new URL(notice?.links.find(url => url.includes(`/account/${page}?`)) ?? '').searchParams.get('token');

    await disownNotice(tight.deps, caller, tokenIn('not-me') ?? '');
    expect(await links()).toBe(6);

    const { access_token: again } = await logIn(tight, ada);
    await tight.call('PUT', '/users/me', { token: again, body: { email: `2-${email}` } });
    const [second] = await readMailbox(tight.deps, { to: ada.email });
    const undo = second?.links.find(url => url.includes('/account/undo-email-change?')) ?? '';
    await undoEmailChange(tight.deps, caller, new URL(undo).searchParams.get('token') ?? '');
    expect(await links()).toBe(7);
  } finally {
    await tight.close();
  }
});

test('a second factor stays, and is still asked for', async () => {
  const ada = await person(world);
  await addTotp(world, (await logIn(world, ada)).access_token);
  await disownNotice(world.deps, caller, await notice(ada, ada.email));
  const login = await world.call('POST', '/token', { form: { username: ada.email, password: ada.password } });
  expect([login.statusCode, login.json().code]).toEqual([401, 'mfa_required']);
});

/** Has a thief move an account to an address that only looks like its own, and returns that. */
async function moveToLookalike(ada: Person) {
  const { access_token } = await logIn(world, ada);
  const email = ada.email.replace('admin', 'adm\u0131n');
  await world.call('PUT', '/users/me', { token: access_token, body: { email } });
  await world.call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', email)}`);
  world.deps.clock.advance(60);
  return { email, access_token };
}

const addressOf = async ({ id }: Person) => {
  const row = await world.deps.db.row<{ email: string }>(sql`select email from users where id = ${id}::uuid`);
  return row?.email;
};

test('a thief whose address only looked like that which is back has no notice that takes the account again', async () => {
  const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
  const { email } = await moveToLookalike(ada);
  const stolen = await notice(ada, email);
  const undo = await mailedToken(world, 'email-changed', ada.email);
  expect((await world.call('POST', '/email-change/undo', { body: { token: undo } })).statusCode).toBe(200);
  await expect(disownNotice(world.deps, caller, stolen)).rejects.toMatchObject({ code: 'invalid_link' });
  expect(await addressOf(ada)).toBe(ada.email);
});

test('nor has one where the owner, once back, has moved on', async () => {
  const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
  const { email } = await moveToLookalike(ada);
  const stolen = await notice(ada, email);
  const undo = await mailedToken(world, 'email-changed', ada.email);
  expect((await world.call('POST', '/email-change/undo', { body: { token: undo } })).statusCode).toBe(200);
  const { access_token: token } = await logIn(world, ada);
  const next = `next-${ada.email}`;
  await world.call('PUT', '/users/me', { token, body: { email: next } });
  await world.call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', next)}`);
  expect(await addressOf(ada)).toBe(next);
  await expect(disownNotice(world.deps, caller, stolen)).rejects.toMatchObject({ code: 'invalid_link' });
  expect(await addressOf(ada)).toBe(next);
});

test('a thief who undoes a change of their own leaves the link of the address that theirs looks like', async () => {
  const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
  const { email, access_token } = await moveToLookalike(ada);
  await world.call('PUT', '/users/me', { token: access_token, body: { email: `third-${ada.email}` } });
  const theirs = await mailedToken(world, 'email-change-notice', email);
  expect((await world.call('POST', '/email-change/undo', { body: { token: theirs } })).statusCode).toBe(200);
  const undo = await mailedToken(world, 'email-changed', ada.email);
  expect((await world.call('POST', '/email-change/undo', { body: { token: undo } })).statusCode).toBe(200);
  expect(await addressOf(ada)).toBe(ada.email);
});
