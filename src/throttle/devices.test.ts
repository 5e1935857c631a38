import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { logIn, PASSWORD, type Person, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { beginTotp } from '../../test/support/totp.ts';
import { sql } from '../platform/sql.ts';
import { devicesOf } from './device-cookie.ts';
import { deviceName, encodeDeviceToken, hasNamed } from './devices.ts';
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
    hasNamed(id, deviceName(caller)),
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

test('of the people who share a browser those who came last are known, and whoever was left out is back after a login', async () => {
  const browser = new Browser(service);
  const people = await Promise.all(Array.from({ length: 9 }, () => person(service)));
  const [first, last] = [people[0], people.at(-1)] as [Person, Person];
  for (const who of [...people, last, first, first]) {
    await signedIn(service, who, browser);
    for (const name of ['access', 'refresh']) browser.cookies.delete(`entrecore_${name}`);
  }
  const devices = ({ id }: Person) =>
    service.deps.db.rows(sql`select id from known_devices where user_id = ${id}::uuid`);
  expect(await devices(last)).toHaveLength(1);
  expect(await devices(first)).toHaveLength(2);
});

test('no more than eight devices are looked for, however many cookies a request brings: its token, and the newest', () => {
  const { random, secrets } = service.deps;
  const ids = Array.from({ length: 50 }, () => random.uuid());
  const token = (deviceId: string) => encodeDeviceToken(secrets, { deviceId, userId: ID });
  const cookies = ids.map((id, n) => `entrecore_device_${n}=${token(id)}`).join('; ');
  const claims = devicesOf(service.deps, cookies, token(ID));
  expect(claims.map(({ deviceId }) => deviceId)).toEqual([ID, ...ids.toReversed().slice(0, 7)]);
  expect(devicesOf(service.deps, cookies, undefined)).toHaveLength(8);
});

test('strangers who lock an account keep its owner, on a device that it knows, out of nothing that asks for a secret', async () => {
  const { call, deps } = service;
  const who = await person(service);
  const { access_token: token, device_token } = await logIn(service, who);
  const asStranger = async () =>
    (await call('POST', '/token', { form: { username: who.email, password: 'a guess' } })).statusCode;
  for (let guess = 0; guess < 5; guess++) expect(await asStranger()).toBe(401);
  expect(await asStranger()).toBe(429);

  const post = (url: string, body: object) => call('POST', url, { token, body });
  const passwords = { new_password: 'Entirely-other-7', confirm_new_password: 'Entirely-other-7' };
  const change = await post('/users/me/password', { current_password: 'a guess', ...passwords });
  expect(change.json().code).toBe('wrong_password');
  expect((await post('/token/reauthenticate', { password: PASSWORD })).statusCode).toBe(200);
  const code = await beginTotp(service, token);
  expect((await post('/mfa/totp/confirm', { code: '000000' })).json().code).toBe('invalid_mfa_code');
  expect((await post('/mfa/totp/confirm', { code: code() })).statusCode).toBe(200);
  deps.clock.advance(30);
  const form = { username: who.email, password: PASSWORD, device_token: String(device_token) };
  const { mfa_token } = (await call('POST', '/token', { form })).json();
  const second = await call('POST', '/token/mfa', { body: { mfa_token, factor: 'totp', code: code() } });
  expect(second.statusCode, second.body).toBe(200);
  expect(await asStranger()).toBe(429);
});
