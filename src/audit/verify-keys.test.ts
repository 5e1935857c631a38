import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { writeFormerEvent } from '../../test/support/former-event.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { sql } from '../platform/sql.ts';
import { findKeyedEvents, findLostKeys } from './key-queries.ts';
import { NOBODY } from './personal-fields.ts';
import { recordEvent } from './record.ts';
import { checkKeys } from './verify-keys.ts';

let deps: TestDeps;
let userId: string;
beforeEach(async () => {
  deps = await testDeps();
  userId = deps.random.uuid();
});
afterEach(() => deps.close());

function happens(about: string | null = userId): Promise<void> {
  deps.clock.advance(1);
  return recordEvent(deps, deps.db, {
    type: 'login.succeeded',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId: about,
    caller: { requestId: 'request', ip: '192.0.2.1', userAgent: 'Firefox' },
  });
}
const replaceSecret = () =>
  deps.db.run(sql`update audit_keys set secret = sha256(secret) where user_id = ${userId}::uuid`);
const lost = async () =>
  (await checkKeys(deps, { prunedBefore: null, spoilt: new Set() })).map(({ kind, userId: whose }) => [
    kind,
    whose,
  ]);

test('who has events of before keys were in shares, of since, or of both, has lost nothing', async () => {
  await writeFormerEvent(deps, deps.random.uuid(), '192.0.2.1');
  await writeFormerEvent(deps, userId, '192.0.2.1');
  for (const about of [userId, userId, null, deps.random.uuid()]) await happens(about);
  expect(await lost()).toEqual([]);
});

test('a secret that was replaced between two events is noticed, though the first and the last one open', async () => {
  await writeFormerEvent(deps, userId, '192.0.2.1');
  await happens();
  await replaceSecret();
  await happens();
  expect(await lost()).toEqual([['key_lost', userId]]);
});

test('a secret that was another one for a while is noticed', async () => {
  await happens();
  const kept = await deps.db.row<{ secret: Buffer }>(
    sql`select secret from audit_keys where user_id = ${userId}::uuid`,
  );
  await replaceSecret();
  await happens();
  await deps.db.run(
    sql`update audit_keys set secret = ${kept?.secret}::bytea where user_id = ${userId}::uuid`,
  );
  await happens();
  expect(await lost()).toEqual([['key_lost', userId]]);
});

test('a secret that was replaced and called erased is noticed', async () => {
  await happens();
  await deps.db.run(sql`alter table audit_keys drop constraint audit_keys_erased_at_check`);
  await replaceSecret();
  await deps.db.run(sql`alter table audit_keys disable trigger user`);
  await deps.db.run(sql`update audit_keys set erased_at = created_at where user_id = ${userId}::uuid`);
  expect(await lost()).toEqual([['key_lost', userId]]);
});

test('more events than a page holds are read, however far away, whose they are and whether anything opens them', async () => {
  await happens();
  await deps.db.run(sql`
    insert into audit_events (id, created_at, type, outcome, actor_kind, personal_sealed)
    select gen_random_uuid(), '200000-01-01 00:00:00.0001', type, outcome, actor_kind, personal_sealed
    from audit_events cross join generate_series(1, 2500)`);
  expect(await lost()).toEqual([['key_lost', '00000000-0000-0000-0000-000000000000']]);
  await replaceSecret();
  expect(await lost()).toHaveLength(2);
});

test('no statement reads more than a page, however long the trail is', async () => {
  await happens();
  await deps.db.run(sql`
    insert into audit_events (id, created_at, type, outcome, actor_kind, user_id, personal_sealed)
    select gen_random_uuid(), created_at + n * interval '1 s', type, outcome, actor_kind, gen_random_uuid(), personal_sealed
    from audit_events cross join generate_series(1, 5000) as n`);
  await deps.db.run(sql`analyze audit_events`);
  const page = { nobody: NOBODY, prunedBefore: null, after: null, limit: 10 };
  expect(await rowsRead(deps.db, explained => findKeyedEvents(explained, page))).toBeLessThan(100);
  expect(await rowsRead(deps.db, explained => findLostKeys(explained, [userId]))).toBeLessThan(100);
  expect(await lost()).toHaveLength(1_000);
});

test('somebody whose key is gone is named once, however many events they have', async () => {
  await happens();
  await deps.db.run(sql`
    insert into audit_events (id, created_at, type, outcome, actor_kind, user_id, personal_sealed)
    select gen_random_uuid(), created_at + n * interval '1 s', type, outcome, actor_kind, ${deps.random.uuid()}::uuid,
      personal_sealed
    from audit_events cross join generate_series(1, 2500) as n`);
  expect(await lost()).toHaveLength(1);
});
