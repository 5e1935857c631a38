import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { sql } from '../platform/sql.ts';
import { selectUsers, type UserFilter } from './queries.ts';

const MANY = 6_000;
const ALL = 60_000;
const everybody: UserFilter = { prefix: null, role: null, disabled: null };

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
  const { db } = deps;
  const id = sql`('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`;
  const people = sql`generate_series(1, ${ALL}::int) as n`;
  await db.run(sql`
    insert into users (id, email, username, first_name, last_name, full_name, created_at, updated_at)
    select ${id}, 'person' || n || '@example.com', 'person' || n, 'Given', 'Family' || n, 'Given Family' || n,
      now() + n * interval '1 s', now() from ${people}`);
  await db.run(sql`
    insert into identifiers (key, user_id, kind) select 'person' || n || '@example.com', ${id}, 'email' from ${people}`);
  await db.run(sql`insert into roles (name, description, created_at) values ('old', '', now())`);
  await db.run(sql`
    insert into user_roles (user_id, role_name, granted_at) select ${id}, 'old', now() from ${people} where n <= ${MANY}::int`);
  await db.run(sql`
    insert into user_roles (user_id, role_name, granted_at) select ${id}, 'user', now() from ${people}`);
  await db.run(sql`
    insert into user_roles (user_id, role_name, granted_at) select ${id}, 'admin', now() from ${people} where n <= 3`);
  await db.run(sql`analyze users, identifiers, user_roles`);
});
afterAll(() => deps.close());

const found = async (filter: Partial<UserFilter>) =>
  (await selectUsers(deps.db, { filter: { ...everybody, ...filter }, after: null, limit: 5 })).map(
    ({ username }) => username,
  );

test('the few who hold a role, and the few of a name, are found among all without reading the others', async () => {
  const [role, prefix] = ['admin', 'person4999@'];
  expect(await found({ role })).toEqual(['person3', 'person2', 'person1']);
  expect(await found({ prefix })).toEqual(['person4999']);
  expect(await found({ prefix, role })).toEqual([]);
  for (const few of [{ role }, { prefix }, { prefix, role }]) {
    const filter = { ...everybody, ...few };
    const reads = await rowsRead(deps.db, explained =>
      selectUsers(explained, { filter, after: null, limit: 5 }),
    );
    expect(reads).toBeLessThan(100);
  }
});

test('of a role that most hold, the newest are found', async () => {
  expect(await found({ role: 'user' })).toEqual(Array.from({ length: 5 }, (_, n) => `person${ALL - n}`));
  expect(await found({ role: 'user', prefix: 'person' })).toEqual(
    Array.from({ length: 5 }, (_, n) => `person${ALL - n}`),
  );
});

test('of many who are all old, those are found without reading everybody who is newer', async () => {
  const newest = Array.from({ length: 5 }, (_, n) => `person${MANY - n}`);
  expect(await found({ role: 'old' })).toEqual(newest);
  expect(await found({ role: 'old', disabled: false })).toEqual(newest);
  expect(await found({ role: 'old', prefix: 'person' })).toEqual(newest);
  expect(await found({ role: 'old', disabled: true })).toEqual([]);
  const filter = { ...everybody, role: 'old' };
  const reads = await rowsRead(deps.db, explained => {
    const counting = { ...explained, row: deps.db.row };
    return selectUsers(counting, { filter, after: null, limit: 5 });
  });
  expect(reads).toBeLessThan(ALL - 5 * MANY);
});
