import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { HungUp } from '../platform/http/hang-up.ts';
import { sql } from '../platform/sql.ts';
import { refresh as refreshVerb } from './refresh.ts';
import { decodeRefreshToken, encodeRefreshToken } from './refresh-token.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const refresh = (refresh_token: string) =>
  world.call('POST', '/refresh-token', { body: { refresh_token }, headers: { 'user-agent': 'Thief/1.0' } });
const decode = (token: string) => decodeRefreshToken(world.deps.secrets, token);

/** A token of this service's form with other bytes, and a MAC that is right. */
function forged(token: string, change: (body: Buffer) => void): string {
  const body = Buffer.from(token, 'base64url').subarray(0, 53);
  change(body);
  return Buffer.concat([body, world.deps.secrets.mac('refresh-token', body)]).toString('base64url');
}

/** Somebody who refreshed so often, and the refresh token of each time, the first one first. */
async function refreshed(times: number) {
  const ada = await person(world);
  const tokens = [(await logIn(world, ada)).refresh_token];
  while (tokens.length <= times) tokens.push((await refresh(tokens.at(-1) as string)).json().refresh_token);
  return { ada, tokens };
}

const theftsOf = ({ id }: Person) =>
  world.deps.db.rows(
    sql`select reason from audit_events where user_id = ${id}::uuid and type = 'session.theft'`,
  );

test('a token with any bit changed is none, and neither is one of another version or length', async () => {
  const token = (await logIn(world, await person(world))).refresh_token;
  expect(decode(token)).not.toBeNull();
  const bytes = Buffer.from(token, 'base64url');
  for (let at = 0; at < bytes.length * 8; at++) {
    const changed = Buffer.from(bytes);
    changed[at >> 3] = (changed[at >> 3] as number) ^ (1 << (at & 7));
    expect(decode(changed.toString('base64url')), `bit ${at}`).toBeNull();
  }
  expect(decode(forged(token, () => {}))).toEqual(decode(token));
  expect(decode(forged(token, body => void (body[0] = 2)))).toBeNull();
  for (const spelled of [
    `${token}=`,
    // Its last character has four bits that say nothing: of its sixteen spellings one is right.
    `${token.slice(0, -1)}${String.fromCharCode(token.charCodeAt(token.length - 1) + 1)}`,
    `${token}A`,
    `${token}\n`,
    ` ${token}`,
    token.slice(1),
    token.slice(0, -1),
  ])
    expect(decode(spelled), spelled).toBeNull();
});

test('whoever has an old token cannot make the present one of it', async () => {
  const { ada, tokens } = await refreshed(2);
  const counted = (generation: number) => {
    const bytes = Buffer.from(tokens[0] as string, 'base64url');
    bytes.writeUInt32BE(generation, 17);
    return bytes.toString('base64url');
  };
  for (const generation of [1, 2, 3])
    expect((await refresh(counted(generation))).json().code).toBe('invalid_refresh_token');
  expect(await theftsOf(ada)).toEqual([]);
  expect((await refresh(tokens[2] as string)).statusCode).toBe(200);
});

test('a token of generations that are still to come, and one with another seed, end nothing', async () => {
  const { ada, tokens } = await refreshed(1);
  const present = decode(tokens[1] as string);
  if (present === null) throw new Error('no token');
  const make = (change: object) => encodeRefreshToken(world.deps.secrets, { ...present, ...change });
  for (const token of [
    make({ generation: 2 }),
    make({ seed: Buffer.alloc(32) }),
    make({ generation: 0, seed: Buffer.alloc(32) }),
    make({ sessionId: world.deps.random.uuid() }),
  ])
    expect((await refresh(token)).json().code).toBe('invalid_refresh_token');
  expect(await theftsOf(ada)).toEqual([]);
  expect((await refresh(tokens[1] as string)).statusCode).toBe(200);
});

test('of many replays at once each is refused, and one ends the session and tells the owner, once', async () => {
  const { ada, tokens } = await refreshed(2);
  const replays = await Promise.all(Array.from({ length: 6 }, () => refresh(tokens[0] as string)));
  const codes = replays.map(answer => answer.json().code);
  expect(codes).toContain('refresh_token_reused');
  // Whoever read the session after it had ended hears what every token of it hears.
  for (const code of codes) expect(['refresh_token_reused', 'invalid_refresh_token']).toContain(code);
  expect(await theftsOf(ada)).toEqual([{ reason: 'refresh_token_reused' }]);
  const mails = (await mailsTo(world, ada.email)).filter(
    ({ template }) => template === 'refresh-token-theft',
  );
  expect(mails).toHaveLength(1);
  expect(mails[0]?.params).toMatchObject({
    ip: '127.0.0.1',
    userAgent: 'Thief/1.0',
    at: world.deps.clock.now().toISOString(),
  });
});

test('the old tokens of a session that is over are invalid, and nobody is told of a theft', async () => {
  for (const over of [
    sql`ended_at = ${world.deps.clock.now()}::timestamptz`,
    sql`idle_expires_at = ${world.deps.clock.now()}::timestamptz`,
    sql`expires_at = ${world.deps.clock.now()}::timestamptz, idle_expires_at = ${world.deps.clock.now()}::timestamptz`,
  ]) {
    const { ada, tokens } = await refreshed(2);
    await world.deps.db.run(sql`update sessions set ${over} where user_id = ${ada.id}::uuid`);
    for (const token of tokens) expect((await refresh(token)).json().code).toBe('invalid_refresh_token');
    expect(await theftsOf(ada)).toEqual([]);
  }
});

test('neither token of a disabled account gets another, however the account was disabled', async () => {
  const { ada, tokens } = await refreshed(1);
  const { clock, db } = world.deps;
  await db.run(sql`update users set disabled_at = ${clock.now()}::timestamptz where id = ${ada.id}::uuid`);
  for (const token of tokens) expect((await refresh(token)).json().code).toBe('invalid_refresh_token');
  await db.run(sql`update users set disabled_at = null where id = ${ada.id}::uuid`);
  expect((await refresh(tokens[1] as string)).statusCode).toBe(200);
});

test('the grace ends with its last second, and is none at all where it is zero', async () => {
  const { clock, config } = world.deps;
  const { reuseGrace } = config.sessions;
  for (const [waited, status] of [
    [reuseGrace - 1, 200],
    [reuseGrace, 401],
  ] as const) {
    const { tokens } = await refreshed(1);
    clock.advance(waited);
    expect((await refresh(tokens[0] as string)).statusCode).toBe(status);
  }
  const { tokens } = await refreshed(1);
  const strict = { ...world.deps, config: { ...config, sessions: { ...config.sessions, reuseGrace: 0 } } };
  const caller = { requestId: 'x', ip: '203.0.113.7', userAgent: '' };
  await expect(refreshVerb(strict, caller, tokens[0] as string)).rejects.toMatchObject({
    code: 'refresh_token_reused',
  });
});

test('an old token whose caller has hung up is no theft: a replica that stood still reads what was sent again elsewhere', async () => {
  const { ada, tokens } = await refreshed(2);
  const caller = {
    requestId: 'late',
    ip: '192.0.2.1',
    userAgent: '',
    hungUp: AbortSignal.abort(new HungUp()),
  };
  await expect(refreshVerb(world.deps, caller, tokens[0] as string)).rejects.toThrow(HungUp);
  expect(await theftsOf(ada)).toEqual([]);
  expect((await refresh(tokens[2] as string)).statusCode).toBe(200);
});
