import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { sql } from '../platform/sql.ts';
import { isNamedAlready } from './devices.ts';
import { knownAmong } from './queries.ts';

const ROBOT_LOGINS = 5_000;
const ID = '01900000-0000-7000-8000-000000000001';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

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
  for (const read of reads)
    expect(await rowsRead(db, explained => explained.row(sql`select ${read}`))).toBeLessThan(5);
});
