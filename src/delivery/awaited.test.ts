import { afterEach, expect, test } from 'vitest';
import type { TestDeps } from '../../test/support/deps.ts';
import { closeAll, deliver, queue, receiver, world } from '../../test/support/mailing.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { addSeconds } from '../platform/clock.ts';
import { sql } from '../platform/sql.ts';
import { enqueueMail, enqueueSms } from './enqueue.ts';
import { claimDue } from './queries.ts';

afterEach(closeAll);

const invite = (deps: TestDeps, to: string) =>
  deps.db.transaction(tx =>
    enqueueMail(deps, tx, { template: 'invitation', to, secrets: { token: `token-for-${to}` } }),
  );

test('a link that somebody waits for is sent before the invitations of the hour, in its own order', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  for (let index = 0; index < 30; index++) await invite(deps, `guest${index}@example.com`);
  for (let index = 0; index < 9; index++) {
    deps.clock.advance(1);
    await queue(deps, `waiting${index}@example.com`);
  }
  deliver(deps);
  const mails = await smtp.received(39);
  const order = mails.map(({ to }) => to.join());
  const waiting = order.filter(to => to.startsWith('waiting'));
  // With those sent meanwhile so that invitations do not stand still, and those on the other connections.
  expect(order.indexOf(waiting.at(-1) ?? '')).toBeLessThan(20);
  const place = (to: string) => Number(/\d+/.exec(to)?.[0]);
  waiting.forEach((to, index) => {
    expect(Math.abs(place(to) - index)).toBeLessThan(4);
  });
});

test('invitations do not stand still, however many links are waited for', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  for (let index = 0; index < 40; index++) await queue(deps, `waiting${index}@example.com`);
  deps.clock.advance(1);
  for (let index = 0; index < 4; index++) await invite(deps, `guest${index}@example.com`);
  deliver(deps);
  const mails = await smtp.received(44);
  const order = mails.map(({ to }) => to.join());
  expect(order.indexOf('guest3@example.com')).toBeLessThan(30);
});

test('the kind of a mail says whether somebody waits for it, and every text message is waited for', async () => {
  const deps = await world(null);
  await queue(deps, 'ada@example.com');
  await invite(deps, 'bob@example.com');
  await deps.db.transaction(tx =>
    enqueueSms(deps, tx, { template: 'sms-login', to: '+254712345678', secrets: { code: '042042' } }),
  );
  expect(await deps.db.rows(sql`select template, awaited from outbox order by template`)).toEqual([
    { template: 'invitation', awaited: false },
    { template: 'sms-login', awaited: true },
    { template: 'verify-email', awaited: true },
  ]);
});

test('a claim takes as many as it was asked for of both together, and reads no more than that of a long queue', async () => {
  const deps = await world(null);
  const { db, clock } = deps;
  const now = clock.now();
  for (const awaited of [true, false])
    await db.run(sql`
      insert into outbox (id, channel, template, recipient, awaited, created_at, next_attempt_at)
      select gen_random_uuid(), 'mail', 'any', 'ada@example.com', ${awaited}::boolean, at, at
      from generate_series(1, 2000) as n, lateral (select ${now}::timestamptz - n * interval '1 second' as at) as due`);
  await db.run(sql`analyze outbox`);
  const claim = { channel: 'mail', limit: 4, now, claimedUntil: addSeconds(now, 60) };
  for (const awaited of [true, false]) {
    const [claimed, read] = [
      await claimDue(db, { ...claim, awaited }),
      await rowsRead(db, explained => claimDue(explained, { ...claim, awaited })),
    ];
    expect(claimed).toHaveLength(4);
    expect(read).toBeLessThan(60);
  }
  await db.run(sql`
    delete from outbox where awaited and id not in (select id from outbox where awaited limit 4)`);
  await db.run(sql`update outbox set claimed_until = null`);
  expect(await claimDue(db, { ...claim, limit: 6, awaited: true })).toHaveLength(6);
  const taken = await db.rows(
    sql`select awaited, count(*)::int as count from outbox where claimed_until is not null group by 1 order by 1`,
  );
  expect(taken).toEqual([
    { awaited: false, count: 2 },
    { awaited: true, count: 4 },
  ]);
});

test('a claim passes over what another worker is claiming, and waits for nobody', async () => {
  const deps = await world(null);
  await queue(deps, 'ada@example.com');
  await queue(deps, 'bob@example.com');
  const now = deps.clock.now();
  await deps.db.transaction(async tx => {
    await tx.run(sql`select from outbox where recipient = 'ada@example.com' for update`);
    const claim = { channel: 'mail', awaited: true, limit: 2, now, claimedUntil: addSeconds(now, 60) };
    const claimed = await claimDue(deps.db, claim);
    expect(claimed.map(({ recipient }) => recipient)).toEqual(['bob@example.com']);
  });
});
