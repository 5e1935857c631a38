import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { sql } from '../platform/sql.ts';
import { createAccount } from './create.ts';
import { normalizePhone } from './phone.ts';

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
});
afterAll(() => deps.close());

const create = (email: string, username?: string) =>
  deps.db.transaction(tx =>
    createAccount(deps, tx, { email, ...(username && { username }), firstName: 'Ada', lastName: 'Lovelace' }),
  );

test('an account gets its names, its full name and the role user', async () => {
  const account = await create('Ada@B\u00fccher.example');
  expect(account).toMatchObject({
    email: 'Ada@xn--bcher-kva.example',
    username: 'Ada@xn--bcher-kva.example',
    full_name: 'Ada Lovelace',
    email_verified_at: null,
  });
  const { id } = account as { id: string };
  expect(await deps.db.rows(sql`select role_name from user_roles where user_id = ${id}::uuid`)).toEqual([
    { role_name: 'user' },
  ]);
});

test('of ten at once for one address in several spellings, one gets it and nothing is left of the others', async () => {
  const spellings = Array.from({ length: 10 }, (_, index) =>
    index % 2 === 0 ? 'Grace@example.com' : 'GRACE@EXAMPLE.COM',
  );
  const outcomes = await Promise.all(spellings.map(email => create(email)));
  expect(outcomes.filter(outcome => outcome === 'email_taken')).toHaveLength(9);
  expect(
    await deps.db.rows(sql`select count(*) as n from users where lower(email) = 'grace@example.com'`),
  ).toEqual([{ n: 1 }]);
});

test('usernames and addresses share one namespace', async () => {
  expect(await create('joan@example.com', 'joan')).toMatchObject({ username: 'joan' });
  expect(await create('joan2@example.com', 'JOAN')).toBe('username_taken');
  expect(await create('joan2@example.com', 'joan2')).toMatchObject({ username: 'joan2' });
});

test('an address that is kept for its former owner is free again when its time has come', async () => {
  const now = deps.clock.now();
  const owner = (await create('owner@example.com')) as { id: string };
  await deps.db.run(sql`
    insert into identifiers (key, user_id, kind, reserved_until)
    values ('former@example.com', ${owner.id}::uuid, 'reserved', ${new Date(now.getTime() + 60_000)}::timestamptz)`);
  expect(await create('former@example.com')).toBe('email_taken');
  deps.clock.advance(61);
  expect(await create('former@example.com')).toMatchObject({ email: 'former@example.com' });
});

test('a phone number is kept in E.164 where it parses, else as written, and refused where it is none', async () => {
  expect(await normalizePhone('+4407911123456')).toBe('+447911123456');
  expect(await normalizePhone('0712345678')).toBe('0712345678');
  for (const text of ['12345', '+254 712 345 678', 'phone', '+1234567890123456']) {
    await expect(normalizePhone(text)).rejects.toMatchObject({ code: 'validation_failed' });
  }
});
