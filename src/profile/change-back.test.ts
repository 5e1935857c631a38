import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, member, type Person, person } from '../../test/support/people.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { sql } from '../platform/sql.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const undo = (token: string) => world.call('POST', '/email-change/undo', { body: { token } });

/** Asks for another address as a session does, and confirms it as the new mailbox. */
async function tryToMove(token: string, email: string) {
  const asked = await world.call('PUT', '/users/me', { token, body: { email } });
  if (asked.statusCode !== 200) throw new Error(asked.body);
  const link = await mailedToken(world, 'email-change-confirm', email);
  const confirmed = await world.call('POST', `/verify-email/${link}`);
  world.deps.clock.advance(60);
  return confirmed;
}

async function move(token: string, email: string) {
  expect((await tryToMove(token, email)).statusCode).toBe(200);
}

const addressOf = async ({ id }: Person) =>
  (await world.deps.db.row<{ email: string }>(sql`select email from users where id = ${id}::uuid`))?.email;

test.each<[string, (own: string) => string]>([
  ['another address', own => `thief-${own}`],
  ['one that only looks like it', own => own.replace('admin', 'adm\u0131n')],
])(
  'a thief who has the owner confirm the former address, from %s, gets no link that undoes it',
  async (_, theirs) => {
    const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
    const { access_token: stolen } = await logIn(world, ada);
    const email = theirs(ada.email);
    await move(stolen, email);
    const former = await mailedToken(world, 'email-change-notice', ada.email);
    await move(stolen, ada.email);
    expect(await addressOf(ada)).toBe(ada.email);
    for (const template of ['email-change-notice', 'email-changed'])
      expect((await undo(await mailedToken(world, template, email))).statusCode).not.toBe(200);
    expect(await addressOf(ada)).toBe(ada.email);
    expect((await undo(former)).statusCode).not.toBe(200);

    await move(stolen, `again-${email}`);
    expect((await undo(await mailedToken(world, 'email-changed', ada.email))).statusCode).toBe(200);
    expect(await addressOf(ada)).toBe(ada.email);
  },
);

test.each([true, false])(
  'an address that is put back is as verified as it was before the change: %s',
  async verified => {
    const { who, token } = await member(world, { verified });
    await move(token, `next-${who.email}`);
    expect((await undo(await mailedToken(world, 'email-changed', who.email))).statusCode).toBe(200);
    const [row] = await world.deps.db.rows(sql`
      select email, email_verified_at is not null as verified from users where id = ${who.id}::uuid`);
    expect(row).toEqual({ email: who.email, verified });
  },
);

test('the undo of a change voids what a thief has begun', async () => {
  const { who, token } = await member(world);
  const { deps } = world;
  await move(token, `thief-${who.email}`);
  for (const purpose of ['mfa', 'passkey', 'oauth-code', 'verify-email'] as const)
    await issueChallenge(deps, deps.db, { purpose, userId: who.id, lifetime: 600 });
  expect((await undo(await mailedToken(world, 'email-changed', who.email))).statusCode).toBe(200);
  // The one that the undo itself has mailed.
  const open = await deps.db.rows(sql`
    select distinct purpose from challenges where user_id = ${who.id}::uuid and consumed_at is null`);
  expect(open).toEqual([{ purpose: 'reset-password' }]);
});

test('an address that only looks like one that is kept does not give up the kept one', async () => {
  const ada = await person(world, { email: `${world.deps.random.uuid()}-admin@example.com` });
  const { access_token: stolen } = await logIn(world, ada);
  await move(stolen, `thief-${ada.email}`);
  const own = await mailedToken(world, 'email-changed', ada.email);
  const refused = await tryToMove(stolen, ada.email.replace('admin', 'adm\u0131n'));
  expect([refused.statusCode, refused.json().code]).toEqual([409, 'address_taken']);
  expect((await undo(own)).statusCode).toBe(200);
  expect(await addressOf(ada)).toBe(ada.email);
});

test('a change goes on when a client sends back all that it has read, and is called off by the present address alone', async () => {
  const { token } = await member(world);
  const next = `${world.deps.random.uuid()}@example.com`;
  const put = (body: object) => world.call('PUT', '/users/me', { token, body });
  const asked = (await put({ email: next })).json();
  const confirm = await mailedToken(world, 'email-change-confirm', next);
  const { first_name, last_name, full_name, username, phone_number, email } = asked;
  const saved = await put({ first_name, last_name, full_name, username, phone_number, email });
  expect([saved.statusCode, saved.json().pending_email], saved.body).toEqual([200, next]);
  expect((await put({ email })).json().pending_email).toBeNull();
  expect((await world.call('POST', `/verify-email/${confirm}`)).statusCode).toBe(404);
});

test('disabling an account calls off a pending change of address: enabled again, it mails no link to that address', async () => {
  const admin = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
  const ada = await person(world);
  const thief = `thief-${ada.email}`;
  const { access_token: stolen } = await logIn(world, ada);
  await world.call('PUT', '/users/me', { token: stolen, body: { email: thief } });
  for (const disabled of [true, false]) {
    const body = { disabled };
    const answer = await world.call('PATCH', `/users/${ada.id}`, { token: admin, body });
    expect(answer.json()).toMatchObject({ disabled, pending_email: null });
  }
  world.deps.clock.advance(60);
  const { access_token: token } = await logIn(world, ada);
  expect((await world.call('POST', '/verify-email', { token })).json().code).toBe('already_verified');
  expect((await mailsTo(world, thief)).map(({ template }) => template)).toEqual(['email-change-confirm']);
});

test('a change voids what was sent to the address before it, and nothing else', async () => {
  const { who, token } = await member(world);
  const next = `next-${who.email}`;
  await world.call('PUT', '/users/me', { token, body: { email: next } });
  const link = await mailedToken(world, 'email-change-confirm', next);
  const purposes = ['verify-email', 'change-email', 'reset-password', 'sign-in', 'mfa'] as const;
  for (const purpose of purposes)
    await issueChallenge(world.deps, world.deps.db, { purpose, userId: who.id, lifetime: 60 });
  expect((await world.call('POST', `/verify-email/${link}`)).statusCode).toBe(200);
  const open = await world.deps.db.rows(sql`
    select distinct purpose from challenges where user_id = ${who.id}::uuid and consumed_at is null order by purpose`);
  expect(open).toEqual([{ purpose: 'mfa' }, { purpose: 'undo-email-change' }]);
});

test.each([
  ['that is disabled', sql`disabled_at = created_at`],
  ['that waits for another address', sql`pending_email = 'another@example.com'`],
])('a link confirms no change of an account %s, however that came', async (_what, change) => {
  const { who, token } = await member(world);
  const next = `next-${who.email}`;
  await world.call('PUT', '/users/me', { token, body: { email: next } });
  const link = await mailedToken(world, 'email-change-confirm', next);
  await world.deps.db.run(sql`update users set ${change} where id = ${who.id}::uuid`);
  const answer = await world.call('POST', `/verify-email/${link}`);
  expect([answer.json().code, await addressOf(who)]).toEqual(['invalid_verification_token', who.email]);
});

test('the undo of a change gives a disabled account its address back, and no link to choose a password', async () => {
  const { who, token } = await member(world);
  await move(token, `next-${who.email}`);
  await world.deps.db.run(sql`update users set disabled_at = created_at where id = ${who.id}::uuid`);
  expect((await undo(await mailedToken(world, 'email-changed', who.email))).statusCode).toBe(200);
  expect(await addressOf(who)).toBe(who.email);
  const mails = await mailsTo(world, who.email);
  expect(mails.map(({ template }) => template)).not.toContain('reset-password');
});
