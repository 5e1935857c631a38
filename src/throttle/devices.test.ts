import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { PASSWORD, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { sql } from '../platform/sql.ts';
import { devicesOf } from './device-cookie.ts';
import { encodeDeviceToken, isNamedAlready } from './devices.ts';
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

test('a browser keeps its device for 400 days, out of the reach of scripts and of what other sites post', async () => {
  const { email, id } = await person(service);
  const answer = await service.call('POST', '/token', { form: { username: email, password: PASSWORD } });
  const { device_token: value } = answer.json();
  const name = `entrecore_device_${id.slice(-12)}`;
  expect(answer.cookies).toEqual([
    { name, value, path: '/', maxAge: 400 * 86_400, httpOnly: true, sameSite: 'Lax' },
  ]);
});

test('no more than eight devices are looked for, however many cookies a request brings', () => {
  const { random, secrets } = service.deps;
  const token = () => encodeDeviceToken(secrets, { deviceId: random.uuid(), userId: ID });
  const cookies = Array.from({ length: 50 }, (_, n) => `entrecore_device_${n}=${token()}`).join('; ');
  expect(devicesOf(service.deps, cookies, token())).toHaveLength(8);
});
