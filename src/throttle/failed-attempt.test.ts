import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { anonymous } from '../audit/record.ts';
import { sql } from '../platform/sql.ts';
import { recordFailedAttempt } from './failed-attempt.ts';
import { giveBack, lockStands, takeAttempt } from './lockout.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ signInByMail: true });
});
afterAll(() => world.close());

type Guess = () => Promise<{ statusCode: number }>;

/** Every way to guess at a secret of an account, five times wrong. */
const guesses: Record<string, { reason: string; begin: (ada: Person) => Promise<Guess> }> = {
  'a password': {
    reason: 'wrong_password',
    begin:
      async ({ email }) =>
      () =>
        world.call('POST', '/token', { form: { username: email, password: 'wrong' } }),
  },
  'a mailed code': {
    reason: 'wrong_mailed_code',
    begin: async ({ email }) => {
      const asked = await world.call('POST', '/token/email', { body: { email } });
      const { request_token } = asked.json();
      return () => world.call('POST', '/token/email/verify', { body: { request_token, code: '000000' } });
    },
  },
  'a second factor': {
    reason: 'totp',
    begin: async ada => {
      await addTotp(world, (await logIn(world, ada)).access_token);
      const form = { username: ada.email, password: ada.password };
      const { mfa_token } = (await world.call('POST', '/token', { form })).json();
      return () => world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'totp', code: '000000' } });
    },
  },
  'the present password, with a stolen session': {
    reason: 'wrong_password',
    begin: async ada => {
      const { access_token: token } = await logIn(world, ada);
      const [new_password, current_password] = ['Another-horse-battery-2', 'wrong'];
      const body = { current_password, new_password, confirm_new_password: new_password };
      return () => world.call('POST', '/users/me/password', { token, body });
    },
  },
  'the password again, with a stolen session': {
    reason: 'password',
    begin: async ada => {
      const { access_token: token } = await logIn(world, ada);
      return () => world.call('POST', '/token/reauthenticate', { token, body: { password: 'wrong' } });
    },
  },
};

test.each(Object.entries(guesses))(
  'who guesses at %s until the lock is in the trail, and the owner has one mail about it',
  async (what, { reason, begin }) => {
    const ada = await person(world);
    const guess = await begin(ada);
    for (let turn = 0; turn < 5; turn++) expect((await guess()).statusCode).not.toBe(429);
    // Five wrong answers have burnt the token that a code is sent with.
    expect((await guess()).statusCode).toBe(what.includes('code') || what.includes('factor') ? 401 : 429);
    const locks = () =>
      world.deps.db.rows(sql`
        select outcome, reason from audit_events
        where user_id = ${ada.id}::uuid and type = 'lockout.started'`);
    expect(await locks()).toEqual([{ outcome: 'refusal', reason }]);
    expect(await locksMailed(ada)).toMatchObject([
      { params: { ip: '127.0.0.1', until: expect.any(String) } },
    ]);
  },
);

test('the next lock of the same day is told to nobody again, and the one after a day without failure is', async () => {
  const ada = await person(world);
  const locked = async () => {
    for (let turn = 0; turn < 5; turn++)
      await world.call('POST', '/token', { form: { username: ada.email, password: 'wrong' } });
    return (await locksMailed(ada)).length;
  };
  expect(await locked()).toBe(1);
  world.deps.clock.advance(901);
  expect(await locked()).toBe(1);
  world.deps.clock.advance(86_400);
  expect(await locked()).toBe(2);
});

test('a lock that ended meanwhile, as an attempt was given back, is in no trail and no mail', async () => {
  const { deps } = world;
  const [ada, bob] = [await person(world), await person(world)];
  // Another account is locked until the same moment.
  for (let turn = 0; turn < 5; turn++) await takeAttempt(deps, deps.db, { userId: bob.id });
  let attempt = await takeAttempt(deps, deps.db, { userId: ada.id });
  for (let turn = 1; turn < 5; turn++) attempt = await takeAttempt(deps, deps.db, { userId: ada.id });
  expect(attempt.lockedUntil).not.toBeNull();
  await giveBack(deps, deps.db, attempt.subject);
  const failure = {
    type: 'login.failed',
    outcome: 'failure',
    actor: anonymous,
    userId: ada.id,
    caller: null,
  } as const;
  await recordFailedAttempt(deps, failure, { ...attempt, email: ada.email });
  expect(
    await deps.db.rows(sql`select type from audit_events where user_id = ${ada.id}::uuid order by id`),
  ).toEqual([{ type: 'login.failed' }]);
  expect(await locksMailed(ada)).toEqual([]);
});

test('nor is one given back while its lock is being told: whoever gives it back waits for that', async () => {
  const { deps } = world;
  const ada = await person(world);
  let attempt = await takeAttempt(deps, deps.db, { userId: ada.id });
  for (let turn = 1; turn < 5; turn++) attempt = await takeAttempt(deps, deps.db, { userId: ada.id });
  const { subject, lockedUntil: until } = attempt as { subject: Buffer; lockedUntil: Date };
  let returned = false;
  const returning = await deps.db.transaction(async tx => {
    expect(await lockStands(tx, { subject, until })).toBe(true);
    const written = giveBack(deps, deps.db, subject).then(() => {
      returned = true;
    });
    await Promise.race([written, waitingForLock(deps.db)]);
    expect(returned).toBe(false);
    return { written };
  });
  await returning.written;
});

async function locksMailed({ email }: Person) {
  return (await mailsTo(world, email)).filter(({ template }) => template === 'account-locked');
}
