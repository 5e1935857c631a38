import { afterEach, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { sql } from '../platform/sql.ts';
import { sweepBudgets } from './outbox.ts';
import { assertPhoneAllowed, smsBudgetSpent, takeSmsBudget } from './sms-budget.ts';

let open: TestDeps | null = null;
afterEach(async () => {
  await open?.close();
  open = null;
});

async function world(rateLimit: Parameters<typeof testDeps>[0] = { rateLimit: 'on' }): Promise<TestDeps> {
  open = await testDeps(rateLimit);
  return open;
}

const take = (deps: TestDeps, to: string, purpose: 'sms-login' | 'sms-enrol' = 'sms-login') =>
  deps.db.transaction(tx => takeSmsBudget(deps, tx, { to, purpose }));

test('one number gets six messages an hour, however many ask at once, and then a time to come back', async () => {
  const deps = await world();
  const waits = await Promise.all(Array.from({ length: 20 }, () => take(deps, '+254712345678')));
  expect(waits.filter(wait => wait === 0)).toHaveLength(6);
  expect(new Set(waits.filter(wait => wait > 0))).toEqual(new Set([3600]));
  expect(smsBudgetSpent(3600)).toMatchObject({ code: 'sms_budget_spent', status: 429, retryAfter: 3600 });
  deps.clock.advance(3599);
  expect(await take(deps, '+254712345678')).toBe(1);
  deps.clock.advance(1);
  expect(await take(deps, '+254712345678')).toBe(0);
});

test('a clock that is set back makes nobody wait for longer than an hour', async () => {
  const deps = await world();
  for (let count = 0; count < 6; count++) await take(deps, '+254712345678');
  deps.clock.advance(-86_400);
  for (let count = 0; count < 6; count++) expect(await take(deps, '+254712345678')).toBe(0);
  expect(await take(deps, '+254712345678')).toBe(3600);
});

test('a block of numbers is bounded, and refusals take nothing from the budget of all', async () => {
  const deps = await world({
    rateLimit: { sms_prefix: { points: 10, seconds: 3600 }, sms_total: { points: 12, seconds: 3600 } },
  });
  const numbers = Array.from({ length: 25 }, (_, index) => `+25471234${5000 + index}`);
  const waits = [];
  for (const number of numbers) waits.push(await take(deps, number));
  expect(waits.filter(wait => wait === 0)).toHaveLength(10);
  expect(await take(deps, '+254799990001')).toBe(0);
  expect(await take(deps, '+4915112345678')).toBe(0);
  expect(await take(deps, '+4915112345679')).toBe(3600);
});

test('whoever sets up phones spends nothing that login codes are sent with', async () => {
  const deps = await world({
    rateLimit: { sms_prefix: { points: 3, seconds: 3600 }, sms_enrolment: { points: 4, seconds: 3600 } },
  });
  const [owner, neighbour, stranger] = ['+254712340001', '+254712340002', '+4915112345678'] as const;
  for (const number of [owner, owner, neighbour]) expect(await take(deps, number, 'sms-enrol')).toBe(0);
  expect(await take(deps, owner, 'sms-enrol')).toBe(3600);
  expect(await take(deps, stranger, 'sms-enrol')).toBe(0);
  expect(await take(deps, stranger, 'sms-enrol')).toBe(3600);
  for (const number of [owner, neighbour, stranger]) expect(await take(deps, number)).toBe(0);
});

test('a rollback gives the price back, RATE_LIMIT=off asks none, and no phone number lies in the table', async () => {
  const deps = await world();
  await deps.db
    .transaction(async tx => {
      await takeSmsBudget(deps, tx, { to: '+254712345678', purpose: 'sms-login' });
      throw new Error('no');
    })
    .catch(() => {});
  expect(await deps.db.rows(sql`select from sms_budgets`)).toEqual([]);
  await take(deps, '+254712345678');
  const rows = await deps.db.rows<{ whole: string }>(sql`select sms_budgets::text as whole from sms_budgets`);
  expect(rows).toHaveLength(3);
  expect(rows.map(({ whole }) => whole).join()).not.toContain('712345');
  deps.clock.advance(3 * 86_400);
  await sweepBudgets(deps, 1_000);
  expect(await deps.db.rows(sql`select from sms_budgets`)).toEqual([]);
  const off = { ...deps, config: { ...deps.config, rateLimit: 'off' as const } };
  expect(await Promise.all(Array.from({ length: 9 }, () => take(off, '+254712345678')))).toEqual(
    Array(9).fill(0),
  );
});

test('only numbers of the allowed countries, and none that cost extra', async () => {
  const config = (countries: string[] | null) => ({
    config: { sms: { webhook: null, twilio: null, countries } } as unknown as TestDeps['config'],
  });
  expect(await assertPhoneAllowed(config(null), '+254712345678')).toBe('+254712345678');
  expect(await assertPhoneAllowed(config(['KE', 'DE']), '+49 151 12345678')).toBe('+4915112345678');
  expect(await assertPhoneAllowed(config(['1', '254']), '+254712345678')).toBe('+254712345678');
  const refused = { code: 'phone_not_allowed', status: 400 };
  await expect(assertPhoneAllowed(config(['25', '1']), '+254712345678')).rejects.toMatchObject(refused);
  await expect(assertPhoneAllowed(config(['DE']), '+254712345678')).rejects.toMatchObject(refused);
  await expect(assertPhoneAllowed(config(['DE']), '+8835100012')).rejects.toMatchObject(refused);
  await expect(assertPhoneAllowed(config(null), '0712345678')).rejects.toMatchObject(refused);
  await expect(assertPhoneAllowed(config(null), '+12')).rejects.toMatchObject(refused);
  await expect(assertPhoneAllowed(config(null), '+19005551234')).rejects.toMatchObject(refused);
});
