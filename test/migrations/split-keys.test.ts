import { afterEach, beforeEach, expect, test } from 'vitest';
import { downgrade } from '../../src/platform/migrations/downgrade.ts';
import { upgrade } from '../../src/platform/migrations/upgrade.ts';
import { type EmptyDatabase, emptyDatabase, migrationOf } from './support.ts';

const [BEFORE, SPLIT] = ['20261127075218', '20261129003000'];

let database: EmptyDatabase;
beforeEach(async () => {
  database = await emptyDatabase();
});
afterEach(() => database.close());

const migration = () => migrationOf(database);
const event = (at: string, outcome = 'success') =>
  database.query(
    `insert into audit_events (id, created_at, type, outcome, actor_kind)
     values (gen_random_uuid(), $1, 'login.succeeded', $2, 'user')`,
    [at, outcome],
  );

test('the revision that splits the keys does not write the trail anew', async () => {
  await upgrade(await migration(), BEFORE);
  await event('2001-01-01');
  const files = () =>
    database.query(`select relid::regclass::text as name, pg_relation_filenode(relid) as file
      from pg_partition_tree('audit_events') order by 1`);
  const before = await files();
  await upgrade(await migration(), SPLIT);
  expect(await files()).toEqual(before);
  await expect(event('2001-01-01', 'odd')).rejects.toThrow('audit_outcome_check');
});

test('a process of the revision before erases whomever the newer one wrote about', async () => {
  await upgrade(await migration(), SPLIT);
  await database.query(`insert into audit_keys (user_id, secret, key_sealed, created_at) values
    ('00000000-0000-0000-0000-000000000001', '\\x01', null, now()),
    ('00000000-0000-0000-0000-000000000002', '\\x01', '\\x02', now())`);
  for (const person of [1, 2])
    await database.query(
      `insert into audit_keys (user_id, key_sealed, created_at, erased_at) values ($1, null, now(), now())
       on conflict (user_id) do update set key_sealed = null, erased_at = excluded.erased_at
       where audit_keys.erased_at is null`,
      [`00000000-0000-0000-0000-00000000000${person}`],
    );
  expect(
    await database.query('select secret, key_sealed, erased_at is not null as erased from audit_keys'),
  ).toEqual([
    { secret: null, key_sealed: null, erased: true },
    { secret: null, key_sealed: null, erased: true },
  ]);
});

test('the way back is open where retention has kept a month', async () => {
  await upgrade(await migration(), SPLIT);
  const [kept] = await database.query<{ name: string }>(`select relid::regclass::text as name
    from pg_partition_tree('audit_events') where relid::regclass::text ~ '[0-9]{6}$' order by 1 limit 1`);
  await event(`${kept?.name.replace(/^.*(\d{4})(\d\d)$/, '$1-$2')}-10`);
  await database.query(`alter table audit_events detach partition ${kept?.name}`);
  await downgrade(await migration(), BEFORE);
  expect(await database.query(`select outcome, actor_kind from ${kept?.name}`)).toEqual([
    { outcome: 'success', actor_kind: 'user' },
  ]);
  await upgrade(await migration(), SPLIT);
});
