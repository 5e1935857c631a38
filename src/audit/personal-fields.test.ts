import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { writeFormerEvent } from '../../test/support/former-event.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { openDatabase, type Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { ensureTrailKey, findPersonKeys } from './key-queries.ts';
import { ensureTrailKeys, erasePerson, NOBODY } from './personal-fields.ts';
import { presentEvents } from './present.ts';
import { findEvents } from './read-queries.ts';
import { recordEvent, recordEvents } from './record.ts';

let deps: TestDeps;
let userId: string;
beforeEach(async () => {
  deps = await testDeps();
  userId = deps.random.uuid();
});
afterEach(() => deps.close());

function happens(ip: string, database: Sql = deps.db): Promise<void> {
  return recordEvent(deps, database, {
    type: 'login.succeeded',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId,
    caller: { requestId: ip, ip, userAgent: 'Firefox' },
  });
}

/** The address of each event as it can be read, by the address that it had. */
async function readable(as = deps): Promise<Record<string, string | null>> {
  const events = await findEvents(deps.db, { filter: { userId }, after: null, limit: 50, oldestFirst: true });
  const bodies = await presentEvents(as, events);
  return Object.fromEntries(bodies.map(({ request_id, ip }) => [request_id, ip]));
}

/** Runs `work` in a transaction that stays open until it is told how to end. */
async function opened(work: (tx: Sql) => Promise<void>) {
  const [did, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const done = deps.db.transaction(async tx => {
    await work(tx);
    did.resolve();
    await end.promise;
  });
  await did.promise;
  return {
    commit: () => (end.resolve(), done),
    rollback: () => (end.reject(new Error('undo')), done.catch(() => {})),
  };
}

test.each(['commit', 'rollback'] as const)(
  'two first events at once have one secret, where the first of them ends in a %s',
  async ending => {
    const first = await opened(tx => happens('192.0.2.1', tx));
    const second = happens('192.0.2.2');
    await waitingForLock(deps.db);
    await first[ending]();
    await second;
    await happens('192.0.2.3');
    expect(await readable()).toEqual({
      ...(ending === 'commit' && { '192.0.2.1': '192.0.2.1' }),
      '192.0.2.2': '192.0.2.2',
      '192.0.2.3': '192.0.2.3',
    });
  },
);

test('first events of several people that are written together have a secret for each', async () => {
  const other = deps.random.uuid();
  const event = (id: string, ip: string) =>
    ({
      type: 'login.succeeded',
      outcome: 'success',
      actor: { kind: 'user', id },
      userId: id,
      caller: { requestId: ip, ip, userAgent: 'Firefox' },
    }) as const;
  await recordEvents(deps, deps.db, [event(userId, '192.0.2.1'), event(other, '192.0.2.2')]);
  expect(await readable()).toEqual({ '192.0.2.1': '192.0.2.1' });
  await erasePerson(deps, deps.db, other);
  expect(await readable()).toEqual({ '192.0.2.1': '192.0.2.1' });
});

test('an erasure that is under way is waited for, and nothing personal is kept after it', async () => {
  const erasure = await opened(tx => erasePerson(deps, tx, userId));
  const meanwhile = happens('192.0.2.1');
  await waitingForLock(deps.db);
  await erasure.commit();
  await meanwhile;
  expect(await deps.db.rows(sql`select personal_sealed from audit_events`)).toEqual([
    { personal_sealed: null },
  ]);
});

test('what is written once an erasure is there keeps nothing, whoever wrote about the person before', async () => {
  await happens('192.0.2.1');
  expect(await readable()).toEqual({ '192.0.2.1': '192.0.2.1' });
  await erasePerson(deps, deps.db, userId);
  await happens('192.0.2.2');
  expect(await readable()).toEqual({ '192.0.2.1': null, '192.0.2.2': null });
  expect(
    await deps.db.rows(
      sql`select personal_sealed is null as empty from audit_events order by created_at, id`,
    ),
  ).toEqual([{ empty: false }, { empty: true }]);
});

test('the database alone does not suffice to read, nor does what is sealed elsewhere in it', async () => {
  await happens('192.0.2.1');
  await happens('192.0.2.2');
  const other = { ...deps, secrets: deriveSecrets('another root secret for tests, 32 bytes+') };
  expect(await readable(other)).toEqual({ '192.0.2.1': null, '192.0.2.2': null });

  const [first, second] = await findEvents(deps.db, {
    filter: { userId },
    after: null,
    limit: 2,
    oldestFirst: true,
  });
  const moved = { ...first, personal_sealed: second?.personal_sealed } as NonNullable<typeof first>;
  const elsewhere = { ...first, user_id: null } as NonNullable<typeof first>;
  for (const event of [moved, elsewhere])
    expect(await presentEvents(deps, [event])).toMatchObject([{ ip: null }]);
});

test('what was sealed under a key of the person, before keys were in shares, is read until the erasure', async () => {
  await writeFormerEvent(deps, userId, '192.0.2.1');
  deps.clock.advance(1);
  await happens('192.0.2.2');
  expect(await readable()).toEqual({ '192.0.2.1': '192.0.2.1', '192.0.2.2': '192.0.2.2' });
  await erasePerson(deps, deps.db, userId);
  expect(await readable()).toEqual({ '192.0.2.1': null, '192.0.2.2': null });
});

test('as many first events in transactions as there are connections wait for no other one', async () => {
  await ensureTrailKeys(deps);
  const db = openDatabase({
    connection: { connectionString: deps.databaseUrl },
    poolMax: 3,
    prepare: true,
    patience: { connectionMs: 400, statementMs: 600 },
  });
  try {
    const all = Array.from({ length: 3 }, () => db.transaction(tx => recordOf({ ...deps, db }, tx)));
    expect(await Promise.all(all)).toHaveLength(3);
    // Nobody's secret is everybody's: whoever finds it does not touch it.
    await db.transaction(async tx => {
      await recordOf({ ...deps, db }, tx);
      await recordOf({ ...deps, db }, db);
    });
  } finally {
    await db.close();
  }
});

test('of several services that make the key of the trail at once, all have the one that is stored', async () => {
  const make = (fresh: string) => ensureTrailKey(deps.db, NOBODY, Buffer.from(fresh), deps.clock.now());
  const [first, second] = await Promise.all([make('one'), make('another')]);
  expect(second).toEqual(first);
  const stored = () => findPersonKeys(deps.db, [NOBODY]);
  const [{ secret, ...key } = { secret: null }] = await stored();
  expect(key).toEqual({ user_id: NOBODY, key_sealed: first });
  expect(secret).toHaveLength(32);
  expect(await make('later')).toEqual(first);
  expect(await stored()).toEqual([{ ...key, secret }]);
  // As before keys were in shares.
  await deps.db.run(sql`update audit_keys set secret = null`);
  expect(await make('later')).toEqual(first);
  expect(await stored()).toEqual([{ ...key, secret: expect.any(Buffer) }]);
});

function recordOf(world: Deps, tx: Sql): Promise<void> {
  return recordEvent(world, tx, {
    type: 'login.failed',
    outcome: 'failure',
    actor: { kind: 'anonymous' },
    caller: { requestId: 'q', ip: '192.0.2.1', userAgent: 'Firefox' },
  });
}
