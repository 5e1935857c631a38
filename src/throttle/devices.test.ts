import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { person } from '../../test/support/people.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { isNamedAlready } from './devices.ts';
import { knownAmong } from './queries.ts';

const ROBOT_LOGINS = 5_000;
const ID = '01900000-0000-7000-8000-000000000001';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

interface Plan {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

const rowsOf = (plan: Plan): number =>
  (plan['Actual Rows'] +
    (plan['Rows Removed by Filter'] ?? 0) +
    (plan['Rows Removed by Index Recheck'] ?? 0)) *
    plan['Actual Loops'] +
  (plan.Plans ?? []).reduce((sum, below) => sum + rowsOf(below), 0);

/** How many rows the plan of an expression reads, all its nodes together, when it is kept for any parameters. */
const rowsRead = (expression: Fragment) =>
  service.deps.db.transaction(async tx => {
    await tx.row(sql`select set_config('plan_cache_mode', 'force_generic_plan', true)`);
    const explained = await tx.row<Record<string, [{ Plan: Plan }]>>(sql`
      explain (analyze, format json) select ${expression}`);
    return rowsOf(explained?.['QUERY PLAN']?.[0].Plan as Plan);
  });

test('a login looks at one device, however many an account has', async () => {
  const { id } = await person(service);
  const { db } = service.deps;
  await db.run(sql`
    insert into known_devices (id, user_id, name, created_at, last_seen_at)
    select gen_random_uuid(), ${id}::uuid, 'robot ' || n, now(), now() from generate_series(1, ${ROBOT_LOGINS}::int) n`);
  await db.run(sql`analyze known_devices`);
  const caller = { ip: '127.0.0.1', userAgent: 'another robot', requestId: ID };
  const reads = [
    isNamedAlready(id, caller),
    knownAmong([ID], sql`${id}::uuid`),
    knownAmong([], sql`${id}::uuid`),
  ];
  for (const read of reads) expect(await rowsRead(read)).toBeLessThan(5);
});
