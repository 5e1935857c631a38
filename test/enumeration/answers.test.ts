// Nobody learns from an answer whether an address has an account, nor in which state it is.
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { testIssuer } from '../support/issuer.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';

const KINDS = ['known', 'unknown', 'locked', 'disabled', 'unverified', 'social-only', 'with-factor'] as const;
type Kind = (typeof KINDS)[number];

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ requireVerifiedEmail: true, rateLimit: 'on' });
});
afterAll(() => world.close());

// Of one length, so that answers that repeat them are too.
const addressOf = (kind: Kind, run: string) => `${KINDS.indexOf(kind)}-${run}@example.com`;

/** One address in each state, with names of their own for this test. */
async function everybody(run: string): Promise<Record<Kind, string>> {
  for (const kind of KINDS) {
    if (kind === 'unknown') continue;
    const who = await person(world, { email: addressOf(kind, run), verified: kind !== 'unverified' });
    const { db, clock } = world.deps;
    if (kind === 'disabled')
      await db.run(
        sql`update users set disabled_at = ${clock.now()}::timestamptz where id = ${who.id}::uuid`,
      );
    if (kind === 'social-only') await db.run(sql`delete from passwords where user_id = ${who.id}::uuid`);
    if (kind === 'with-factor') {
      const { access_token: token } = await logIn(world, who);
      await world.call('POST', '/mfa/totp', { token });
      await db.run(sql`update users set mfa_enabled = true where id = ${who.id}::uuid`);
    }
    if (kind === 'locked')
      for (let attempt = 0; attempt < 5; attempt++)
        await world.call('POST', '/token', { form: { username: who.email, password: 'wrong' } });
  }
  return Object.fromEntries(KINDS.map(kind => [kind, addressOf(kind, run)])) as Record<Kind, string>;
}

// What differs from one answer to the next whoever asks: ids, secrets, the address that was sent, what is left of a limit.
function shapeOf({ statusCode, headers, body }: LightMyRequestResponse, address: string): unknown {
  const { date: _date, 'x-request-id': _id, ratelimit: _left, ...rest } = headers;
  const text = body
    .replaceAll(address, '<address>')
    .replaceAll(/[\w-]{43,}/g, '<token>')
    .replace(/"request_id":"[^"]*"/, '"request_id":"<id>"');
  return {
    statusCode,
    body: text,
    headers: { ...rest, 'set-cookie': String(rest['set-cookie']).replaceAll(/[\w-]{43,}/g, '<token>') },
  };
}

async function expectAlike(
  run: string,
  send: (address: string, kind: Kind) => Promise<LightMyRequestResponse>,
  kinds: readonly Kind[] = KINDS,
): Promise<void> {
  const addresses = await everybody(run);
  const shapes: unknown[] = [];
  for (const kind of kinds) shapes.push(shapeOf(await send(addresses[kind], kind), addresses[kind]));
  for (const [index, shape] of shapes.entries()) expect(shape, kinds[index]).toEqual(shapes[0]);
}
const others = KINDS.filter(kind => kind !== 'locked');
const login = (username: string, password: string) =>
  world.call('POST', '/token', { form: { username, password } });

test('a wrong password', async () => {
  await expectAlike('wrong', address => login(address, 'wrong'), others);
});

test('the right password of an account that is disabled, or has none, is a wrong one', async () => {
  await expectAlike('right', (address, kind) => login(address, kind === 'known' ? 'wrong' : PASSWORD), [
    'known',
    'unknown',
    'disabled',
    'social-only',
  ]);
});

test('wrong passwords until the lock, and while it holds', async () => {
  const addresses = await everybody('lock');
  const courses: unknown[][] = [];
  for (const kind of others) {
    const course: unknown[] = [];
    for (let attempt = 0; attempt < 7; attempt++)
      course.push(shapeOf(await login(addresses[kind], 'wrong'), addresses[kind]));
    courses.push(course);
  }
  expect(courses[0]?.map(step => (step as { statusCode: number }).statusCode)).toEqual([
    401, 401, 401, 401, 401, 429, 429,
  ]);
  for (const [index, course] of courses.entries()) expect(course, others[index]).toEqual(courses[0]);
});

test('a request for a reset', async () => {
  await expectAlike('reset', email => world.call('POST', '/password-reset/request', { body: { email } }));
});

test('the second request for a reset, and the tenth', async () => {
  const addresses = await everybody('resets');
  const courses: unknown[][] = [];
  for (const kind of KINDS) {
    const course: unknown[] = [];
    for (let count = 0; count < 10; count++)
      course.push(
        shapeOf(
          await world.call('POST', '/password-reset/request', {
            body: { email: addresses[kind] },
            ip: `203.0.113.${courses.length}`,
          }),
          addresses[kind],
        ),
      );
    courses.push(course);
  }
  for (const [index, course] of courses.entries()) expect(course, KINDS[index]).toEqual(courses[0]);
});

test('a sign-up, both steps', async () => {
  const names = { first_name: 'Mallory', last_name: 'M', phone_number: '+254712345678' };
  await expectAlike('signup-1', email => world.call('POST', '/signup', { body: { ...names, email } }));
  await expectAlike('signup-2', async email => {
    const { signup_token } = (await world.call('POST', '/signup', { body: { ...names, email } })).json();
    const body = { email, password: PASSWORD, confirm_password: PASSWORD, signup_token };
    return world.call('POST', '/signup/set-password', { body });
  });
  await expectAlike('signup-weak', async email => {
    const { signup_token } = (await world.call('POST', '/signup', { body: { ...names, email } })).json();
    const body = { email, password: 'weak', confirm_password: 'weak', signup_token };
    return world.call('POST', '/signup/set-password', { body });
  });
  await expectAlike('signup-none', email =>
    world.call('POST', '/signup/set-password', {
      body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token: 'x' },
    }),
  );
});

test('an ID token that proves no mailbox, whoever it names', async () => {
  const issuer = await testIssuer(() => world.deps.clock.now());
  const forged = await testIssuer(() => world.deps.clock.now());
  const google = await testApp({ google: { clientIds: ['client-1'], issuer: issuer.url } });
  const known = await person(google);
  const shapes: unknown[] = [];
  for (const email of [known.email, 'nobody@example.com']) {
    const token = await forged.idToken({ iss: issuer.url, email });
    shapes.push(shapeOf(await google.call('POST', '/signup/google', { body: { token } }), email));
  }
  expect(shapes[0]).toMatchObject({ statusCode: 401 });
  expect(shapes[1]).toEqual(shapes[0]);
  await google.close();
  await Promise.all([issuer.close(), forged.close()]);
});
