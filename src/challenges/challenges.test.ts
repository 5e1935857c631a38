import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { answerCode } from './answer-code.ts';
import {
  consumeChallenge,
  findChallenge,
  newestChallenge,
  takeTry,
  voidChallenges,
  voidSent,
} from './consume.ts';
import { resendWait } from './cooldown.ts';
import { issueChallenge, issueCode } from './issue.ts';
import { withinQuota } from './quota.ts';
import { sweepChallenges } from './sweep.ts';

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps({ rateLimit: 'on' });
});
afterAll(() => deps.close());

async function newUser(): Promise<string> {
  const id = deps.random.uuid();
  const name = `${id}@example.com`;
  await deps.db.run(sql`insert into users
    (id, email, username, first_name, last_name, full_name, created_at, updated_at)
    values (${id}, ${name}, ${name}, 'Ada', 'Lovelace', 'Ada Lovelace', ${deps.clock.now()}, ${deps.clock.now()})`);
  return id;
}

const together = <T>(count: number, work: () => Promise<T>) =>
  Promise.all(Array.from({ length: count }, work));

test('a token is spent once, and the loser of any race gets nothing', async () => {
  const userId = await newUser();
  const issued = await issueChallenge(deps, deps.db, {
    purpose: 'reset-password',
    userId,
    sentTo: 'ada@example.com',
    data: { by: 'self' },
    lifetime: 3600,
  });
  expect(issued.token).toMatch(/^[\w-]{43}$/);
  const answers = await together(20, () =>
    deps.db.transaction(tx => consumeChallenge(deps, tx, { purpose: 'reset-password', token: issued.token })),
  );
  const won = answers.filter(answer => answer !== null);
  expect(won).toEqual([
    {
      id: issued.id,
      purpose: 'reset-password',
      userId,
      sentTo: 'ada@example.com',
      data: { by: 'self' },
      attempts: 0,
      createdAt: deps.clock.now(),
      expiresAt: issued.expiresAt,
    },
  ]);
  expect(await findChallenge(deps, deps.db, { purpose: 'reset-password', token: issued.token })).toBeNull();
});

test('the table holds the SHA-256 of a token, never the token', async () => {
  const { id, token } = await issueChallenge(deps, deps.db, { purpose: 'signup', lifetime: 60 });
  const row = await deps.db.row<{ hash: Buffer; whole: string }>(
    sql`select secret_hash as hash, challenges::text as whole from challenges where id = ${id}`,
  );
  expect(row?.hash).toEqual(createHash('sha256').update(token).digest());
  expect(row?.whole).not.toContain(token);
});

test('a token answers for its own purpose, before its expiry, and looking does not spend it', async () => {
  const { token } = await issueChallenge(deps, deps.db, { purpose: 'verify-email', lifetime: 60 });
  expect(await consumeChallenge(deps, deps.db, { purpose: 'reset-password', token })).toBeNull();
  expect(await findChallenge(deps, deps.db, { purpose: 'reset-password', token })).toBeNull();
  expect(await takeTry(deps, deps.db, { purpose: 'reset-password', token, maxAttempts: 5 })).toBeNull();
  expect(await consumeChallenge(deps, deps.db, { purpose: 'verify-email', token: `${token}=` })).toBeNull();
  expect(await findChallenge(deps, deps.db, { purpose: 'verify-email', token })).not.toBeNull();
  deps.clock.advance(60);
  expect(await findChallenge(deps, deps.db, { purpose: 'verify-email', token })).toBeNull();
  expect(await takeTry(deps, deps.db, { purpose: 'verify-email', token, maxAttempts: 5 })).toBeNull();
  expect(await consumeChallenge(deps, deps.db, { purpose: 'verify-email', token })).toBeNull();
});

test('a rolled-back issue leaves nothing to answer', async () => {
  let token = '';
  const rolledBack = deps.db.transaction(async tx => {
    token = (await issueChallenge(deps, tx, { purpose: 'signup', lifetime: 60 })).token;
    throw new Error('no');
  });
  await expect(rolledBack).rejects.toThrow('no');
  expect(await findChallenge(deps, deps.db, { purpose: 'signup', token })).toBeNull();
});

const wrongOf = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

test('concurrent wrong codes count exactly, and the fifth burns the code (ASVS 6.6.3)', async () => {
  const { id, code } = await issueCode(deps, deps.db, { purpose: 'sms-login', lifetime: 300 });
  const answer = (text: string) => answerCode(deps, deps.db, { purpose: 'sms-login', id, code: text });
  expect(await together(3, () => answer(wrongOf(code)))).toEqual(['wrong', 'wrong', 'wrong']);
  expect(await deps.db.row(sql`select attempts from challenges where id = ${id}`)).toEqual({ attempts: 3 });
  const rest = await together(12, () => answer(wrongOf(code)));
  expect(rest.filter(verdict => verdict === 'wrong')).toHaveLength(2);
  expect(rest.filter(verdict => verdict === 'gone')).toHaveLength(10);
  expect(await deps.db.row(sql`select attempts, consumed_at as at from challenges where id = ${id}`)).toEqual(
    { attempts: 5, at: deps.clock.now() },
  );
  expect(await answer(code)).toBe('gone');
});

test('of many concurrent right codes one wins', async () => {
  const { id, code } = await issueCode(deps, deps.db, { purpose: 'sms-enrol', lifetime: 300 });
  const answers = await together(15, () => answerCode(deps, deps.db, { purpose: 'sms-enrol', id, code }));
  expect(answers.filter(verdict => typeof verdict === 'object')).toMatchObject([{ id, attempts: 1 }]);
  expect(answers.filter(verdict => verdict === 'gone')).toHaveLength(14);
});

test('a code is bound to its challenge and purpose: its HMAC moved elsewhere proves nothing', async () => {
  const first = await issueCode(deps, deps.db, { purpose: 'sms-login', lifetime: 300 });
  const second = await issueCode(deps, deps.db, { purpose: 'sms-login', lifetime: 300 });
  const answer = (purpose: 'sms-login' | 'sms-enrol', id: string, code: string) =>
    answerCode(deps, deps.db, { purpose, id, code });
  expect(await answer('sms-enrol', first.id, first.code)).toBe('gone');
  expect(await answer('sms-login', 'not-an-id', first.code)).toBe('gone');
  await deps.db.run(sql`update challenges set purpose = 'sms-enrol' where id = ${first.id}`);
  expect(await answer('sms-enrol', first.id, first.code)).toBe('wrong');
  const [taken] = await deps.db.rows<{ hash: Buffer }>(
    sql`delete from challenges where id = ${first.id} returning secret_hash as hash`,
  );
  await deps.db.run(sql`update challenges set secret_hash = ${taken?.hash} where id = ${second.id}`);
  expect(await answer('sms-login', second.id, first.code)).toBe('wrong');
});

test('a code may be typed in two groups, and ids in capitals', async () => {
  const { id, code } = await issueCode(deps, deps.db, { purpose: 'sms-login', lifetime: 300 });
  const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
  const answer = { purpose: 'sms-login', id: id.toUpperCase(), code: spaced } as const;
  expect(await answerCode(deps, deps.db, answer)).toMatchObject({ id });
});

test('a code issued under the previous root secret is still answered', async () => {
  const old = deriveSecrets('the old root secret, 32 bytes or more');
  const ring = deriveSecrets('the new root secret, 32 bytes or more', [
    'the old root secret, 32 bytes or more',
  ]);
  const { id, code } = await issueCode({ ...deps, secrets: old }, deps.db, { purpose: 'mfa', lifetime: 300 });
  expect(await answerCode({ ...deps, secrets: ring }, deps.db, { purpose: 'mfa', id, code })).toMatchObject({
    id,
  });
});

test('attempts at what a token stands for are counted before they are checked, however many come at once', async () => {
  const { token } = await issueChallenge(deps, deps.db, { purpose: 'mfa', lifetime: 300 });
  const taken = await together(20, () => takeTry(deps, deps.db, { purpose: 'mfa', token, maxAttempts: 5 }));
  expect(taken.filter(challenge => challenge !== null)).toHaveLength(5);
});

test('voiding ends the named purposes of one person and nothing else', async () => {
  const [ada, bob] = [await newUser(), await newUser()];
  const issue = (userId: string, purpose: 'reset-password' | 'verify-email') =>
    issueChallenge(deps, deps.db, { purpose, userId, lifetime: 300 });
  const reset = await issue(ada, 'reset-password');
  const kept = await issue(ada, 'reset-password');
  const verify = await issue(ada, 'verify-email');
  const others = await issue(bob, 'reset-password');
  const options = { userId: ada, purposes: ['reset-password'] as const, exceptIds: [kept.id] };
  expect(await deps.db.transaction(tx => voidChallenges(deps, tx, options))).toBe(1);
  const find = (purpose: 'reset-password' | 'verify-email', { token }: { token: string }) =>
    findChallenge(deps, deps.db, { purpose, token });
  expect(await find('reset-password', reset)).toBeNull();
  expect(await find('reset-password', kept)).not.toBeNull();
  expect(await find('verify-email', verify)).not.toBeNull();
  expect(await find('reset-password', others)).not.toBeNull();
  expect(await deps.db.transaction(tx => voidChallenges(deps, tx, { userId: ada }))).toBe(2);
});

test('what was sent to an address is voided for its purpose alone, and what has an id for one of those who void it', async () => {
  const issue = (purpose: 'signup' | 'verify-email', sentTo: string) =>
    issueChallenge(deps, deps.db, { purpose, sentTo, lifetime: 300 });
  const sent = [await issue('signup', 'Ada@example.com'), await issue('signup', 'ada@example.com')];
  const [others, verify] = [
    await issue('signup', 'bob@example.com'),
    await issue('verify-email', 'ada@example.com'),
  ];
  const find = (purpose: 'signup' | 'verify-email', { token }: { token: string }) =>
    findChallenge(deps, deps.db, { purpose, token });
  const toAda = { purpose: 'signup', sentTo: 'ADA@example.com' } as const;
  expect([await voidSent(deps, deps.db, toAda), await voidSent(deps, deps.db, toAda)]).toEqual([2, 0]);
  for (const challenge of sent) expect(await find('signup', challenge)).toBeNull();
  expect(await find('verify-email', verify)).not.toBeNull();
  expect(await voidSent(deps, deps.db, { purpose: 'verify-email', id: others.id })).toBe(0);
  expect(await find('signup', others)).not.toBeNull();
  const voids = await together(3, () => voidSent(deps, deps.db, { purpose: 'signup', id: others.id }));
  expect(voids.toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
  expect(await find('signup', others)).toBeNull();
});

// Mails a link unless it must wait, and says how long.
const sendTo = (userId: string) =>
  deps.db.transaction(async tx => {
    const wait = await resendWait(deps, tx, { purpose: 'verify-email', userId });
    if (wait === 0) await issueChallenge(deps, tx, { purpose: 'verify-email', userId, lifetime: 300 });
    return wait;
  });

test('two go within the cooldown, and the third waits for the older of them, also when all are asked for at once', async () => {
  const userId = await newUser();
  const send = () => sendTo(userId);
  expect((await together(6, send)).toSorted((a, b) => a - b)).toEqual([0, 0, 60, 60, 60, 60]);
  deps.clock.advance(59);
  expect(await send()).toBe(1);
  deps.clock.advance(1);
  expect(await send()).toBe(0);
  deps.clock.advance(20);
  expect(await send()).toBe(0);
  expect(await send()).toBe(40);
  const unlimited = { ...deps, config: { ...deps.config, rateLimit: 'off' as const } };
  expect(
    await deps.db.transaction(tx => resendWait(unlimited, tx, { purpose: 'verify-email', userId })),
  ).toBe(0);
  const quota = { purpose: 'verify-email', userId, address: '', limit: 0, busy: 'wait' } as const;
  const within = (world: typeof deps) => deps.db.transaction(tx => withinQuota(world, tx, quota));
  expect([await within(deps), await within(unlimited)]).toEqual([false, true]);
  const waiting = () => deps.db.transaction(tx => withinQuota(deps, tx, { ...quota, limit: 10 }));
  expect(await together(4, waiting)).toEqual([true, true, true, true]);
  const at = deps.clock.now();
  deps.clock.advance(1);
  expect(await sendTo(await newUser())).toBe(0);
  await issueChallenge(deps, deps.db, { purpose: 'reset-password', userId, lifetime: 300 });
  const newest = () => newestChallenge(deps, deps.db, { purpose: 'verify-email', userId });
  expect(await newest()).toMatchObject({ createdAt: at });
  await deps.db.run(sql`update challenges set consumed_at = created_at where created_at = ${at}`);
  expect((await newest())?.createdAt.getTime()).toBeLessThan(at.getTime());
});

test('a clock that is set back makes no wait longer than the cooldown, and no quota longer than its hour', async () => {
  const userId = await newUser();
  const send = () => sendTo(userId);
  const reset = () =>
    deps.db.transaction(async tx => {
      const quota = { purpose: 'reset-password', userId, address: '', limit: 2, busy: 'wait' } as const;
      const within = await withinQuota(deps, tx, quota);
      if (within) await issueChallenge(deps, tx, { purpose: 'reset-password', userId, lifetime: 300 });
      return within;
    });
  expect([await send(), await send(), await send()]).toEqual([0, 0, 60]);
  expect([await reset(), await reset(), await reset()]).toEqual([true, true, false]);
  for (const back of [20, 86_400]) {
    deps.clock.advance(-back);
    expect(await send()).toBe(60);
    deps.clock.advance(60);
    expect([await send(), await send(), await send()]).toEqual([0, 0, 60]);
  }
  expect(await reset()).toBe(false);
  deps.clock.advance(3_600);
  expect([await reset(), await reset(), await reset()]).toEqual([true, true, false]);
});

test('the sweep removes what expired an hour ago, in bounded steps, beside another sweep', async () => {
  deps.clock.advance(10_000_000);
  await sweepChallenges(deps, 1_000);
  for (let index = 0; index < 10; index++)
    await issueChallenge(deps, deps.db, { purpose: 'signup', lifetime: 60 });
  const open = await issueChallenge(deps, deps.db, { purpose: 'signup', lifetime: 86_400 });
  deps.clock.advance(3600);
  expect(await sweepChallenges(deps, 1_000)).toBe(0);
  deps.clock.advance(61);
  const removed = await together(3, () => sweepChallenges(deps, 3));
  expect(Math.max(...removed)).toBeLessThanOrEqual(3);
  while ((await sweepChallenges(deps, 3)) > 0);
  expect(await deps.db.rows(sql`select id from challenges`)).toEqual([{ id: open.id }]);
});
