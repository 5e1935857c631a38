import { afterEach, expect, test, vi } from 'vitest';
import type { TestDeps } from '../../test/support/deps.ts';
import {
  closeAll,
  deliver,
  entries,
  queue,
  receiver,
  stateOf,
  until,
  world,
} from '../../test/support/mailing.ts';
import { smtpReply } from '../../test/support/smtp.ts';
import { addSeconds } from '../platform/clock.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { deliver as deliverOne, LEASE_SECONDS } from './deliver.ts';
import { eraseExpiredSecrets, listOutbox, outboxStats, requeue, sweepOutbox } from './outbox.ts';
import { type Claimed, claimDue } from './queries.ts';
import { DeliveryFailure } from './transport.ts';

afterEach(closeAll);

test('a refused recipient is a dead letter at once; requeued, it is sent', async () => {
  let refuses = true;
  const smtp = await receiver({ onRecipient: () => (refuses ? smtpReply(550, 'no such user') : null) });
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  deliver(deps);
  await queue(deps, 'gone@example.com');
  await until(async () => (await stateOf(deps, 'gone@example.com')) === 'dead');
  const [dead] = await listOutbox(deps, { dead: true });
  expect(dead).toMatchObject({ attempts: 1, template: 'verify-email' });
  expect(dead?.lastError).toContain('550 no such user');
  expect(JSON.stringify(await listOutbox(deps))).not.toContain('token-for');
  expect(await outboxStats(deps)).toMatchObject({ waiting: 0, dead: 1 });
  refuses = false;
  expect(await requeue(deps, { id: deps.random.uuid() })).toBe(0);
  expect(await requeue(deps, { id: dead?.id ?? null })).toBe(1);
  const [mail] = await smtp.received(1);
  expect(mail?.raw).toContain('token-for-gone');
  expect(await requeue(deps, {})).toBe(0);
});

test('"not now" is tried again later and later; after a hundred tries it is a dead letter', async () => {
  let now = true;
  const smtp = await receiver({ onRecipient: () => (now ? smtpReply(451, 'greylisted') : null) });
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  deliver(deps);
  await queue(deps, 'grey@example.com');
  const tried = (count: number) =>
    until(async () =>
      (await entries(deps)).find(
        entry => entry.attempts === count && entry.lastError !== null && entry.state !== 'sending',
      ),
    );
  const waits: number[] = [];
  for (let count = 1; count <= 4; count++) {
    const { nextAttemptAt } = await tried(count);
    const wait = ((nextAttemptAt?.getTime() ?? 0) - deps.clock.now().getTime()) / 1000;
    waits.push(wait);
    deps.clock.advance(wait);
  }
  waits.forEach((wait, index) => {
    expect(wait).toBeGreaterThanOrEqual(Math.round(15 * 2 ** index * 0.75));
    expect(wait).toBeLessThanOrEqual(Math.round(15 * 2 ** index * 1.25));
  });
  await tried(5);
  await deps.db.run(sql`update outbox set attempts = 99, next_attempt_at = ${deps.clock.now()}`);
  await until(async () => (await stateOf(deps, 'grey@example.com')) === 'dead');
  // With all its tries, of which the next is the first.
  expect(await requeue(deps, {})).toBe(1);
  expect(await tried(1)).toMatchObject({ state: 'waiting' });
  now = false;
  deps.clock.advance(20);
  await smtp.received(1);
});

async function claim({ db, clock }: TestDeps): Promise<Claimed | undefined> {
  const now = clock.now();
  const claimedUntil = addSeconds(now, LEASE_SECONDS);
  const [claimed] = await claimDue(db, { channel: 'mail', awaited: true, limit: 1, now, claimedUntil });
  return claimed;
}

test('a send that takes long keeps its claim, and a database that is away at its end is waited for', async () => {
  const deps = await world(null);
  await queue(deps, 'ada@example.com');
  const claimed = (await claim(deps)) as Claimed;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const { promise, resolve } = Promise.withResolvers<void>();
  let isAway = false;
  const run: typeof deps.db.run = statement => {
    if (!isAway) return deps.db.run(statement);
    isAway = false;
    return Promise.reject(new Problem('database_unavailable'));
  };
  const channel = { name: 'mail', send: () => promise, close: () => {} } as const;
  const sending = deliverOne({ ...deps, db: { ...deps.db, run } }, channel, claimed);
  deps.clock.advance(LEASE_SECONDS - 1);
  vi.advanceTimersByTime(LEASE_SECONDS * 1000 - 1);
  vi.useRealTimers();
  const renewed = () =>
    deps.db.row(sql`select from outbox where claimed_until > ${addSeconds(deps.clock.now(), 2)}`);
  await until(renewed);
  deps.clock.advance(2);
  expect(await claim(deps)).toBeUndefined();
  isAway = true;
  resolve();
  expect(await sending).toBe('sent');
  expect(await stateOf(deps, 'ada@example.com')).toBe('sent');
});

test('who lost the claim of a message, as one that was suspended, says nothing of it but that it was sent', async () => {
  const deps = await world(null);
  await queue(deps, 'ada@example.com');
  const lost = (await claim(deps)) as Claimed;
  deps.clock.advance(LEASE_SECONDS + 1);
  const held = (await claim(deps)) as Claimed;
  const tried = (failure: DeliveryFailure | null, claimed: Claimed) => {
    const send = () => (failure === null ? Promise.resolve() : Promise.reject(failure));
    return deliverOne(deps, { name: 'mail', send, close: () => {} }, claimed);
  };
  for (const kind of ['permanent', 'temporary'] as const) {
    await tried(new DeliveryFailure(kind, 'no'), lost);
    expect(await entries(deps)).toMatchObject([{ state: 'sending', attempts: 2, lastError: null }]);
  }
  await tried(new DeliveryFailure('temporary', 'not now'), held);
  expect(await entries(deps)).toMatchObject([{ state: 'waiting', lastError: 'not now' }]);
  await tried(null, lost);
  expect(await stateOf(deps, 'ada@example.com')).toBe('sent');
});

test('a message whose secret has expired is dropped, not sent late, and cannot be requeued', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  await queue(deps, 'late@example.com', new Date(deps.clock.now().getTime() + 3600_000));
  await queue(deps, 'timeless@example.com');
  deps.clock.advance(3601);
  deliver(deps);
  await smtp.received(1);
  await until(async () => (await stateOf(deps, 'late@example.com')) === 'expired');
  await until(async () => (await outboxStats(deps)).waiting === 0);
  expect(await requeue(deps, {})).toBe(0);
  expect(smtp.mails.map(mail => mail.to)).toEqual([['timeless@example.com']]);
  expect(await deps.db.rows(sql`select from outbox where secrets_sealed is not null`)).toEqual([]);
});

test('without SMTP mails wait in the outbox; the sweep removes what is old and erases what expired', async () => {
  const deps = await world(null);
  deliver(deps);
  await queue(deps, 'kept@example.com', new Date(deps.clock.now().getTime() + 1000));
  await queue(deps, 'sent@example.com');
  await deps.db.run(
    sql`update outbox set sent_at = ${deps.clock.now()} where recipient = 'sent@example.com'`,
  );
  await new Promise(resolve => setTimeout(resolve, 200));
  expect(await stateOf(deps, 'kept@example.com')).toBe('waiting');
  // For longer than its receiver can say "this was not me".
  deps.clock.advance(7 * 86_400);
  expect(await sweepOutbox(deps, 1_000)).toBe(0);
  deps.clock.advance(86_400);
  expect(await eraseExpiredSecrets(deps, 1_000)).toBe(1);
  expect(await sweepOutbox(deps, 1_000)).toBe(1);
  expect(await deps.db.rows(sql`select secrets_sealed as sealed from outbox`)).toEqual([{ sealed: null }]);
  deps.clock.advance(23 * 86_400);
  expect(await sweepOutbox(deps, 1_000)).toBe(1);
});
