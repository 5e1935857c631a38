import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, member, PASSWORD, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';

// What anybody with accounts can have mailed to a mailbox that is not theirs.

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ rateLimit: 'on' });
});
afterAll(() => world.close());

const STRANGER = 'stranger@example.net';

async function moveTo(email: string) {
  const { token } = await member(world);
  return world.call('PUT', '/users/me', { token, body: { email } });
}

test('an address is asked to become somebody’s twenty times an hour, by however many accounts', async () => {
  for (let count = 0; count < 20; count++) expect((await moveTo(STRANGER)).statusCode).toBe(200);
  const refused = await moveTo(STRANGER.toUpperCase());
  expect(refused.json().code).toBe('rate_limited');
  expect(Number(refused.headers['retry-after'])).toBe(3600);
  expect(await mailsTo(world, STRANGER)).toHaveLength(20);

  world.deps.clock.advance(3601);
  expect((await moveTo(STRANGER)).statusCode).toBe(200);
  for (let count = 1; count < 20; count++) await moveTo(STRANGER);
  expect((await moveTo(STRANGER)).json().code).toBe('rate_limited');
  // Nobody waits until the hour of a clock that was put back comes again.
  world.deps.clock.advance(-7200);
  expect((await moveTo(STRANGER)).statusCode).toBe(200);
  world.deps.clock.advance(7200);
});

test('accounts that are made on an address and closed again send it twenty mails of a kind an hour', async () => {
  const email = 'open-and-close@example.net';
  const before = (await mailsTo(world, email)).length;
  let verifications = 0;
  for (let count = 0; count < 23; count++) {
    const names = { first_name: 'Eve', last_name: 'Hill', phone_number: '+254712345678' };
    const { signup_token } = (await world.call('POST', '/signup', { body: { ...names, email } })).json();
    const body = { email, password: PASSWORD, confirm_password: PASSWORD, signup_token };
    const { id } = (await world.call('POST', '/signup/set-password', { body })).json();
    verifications += (await mailsTo(world, email)).filter(
      ({ template }) => template === 'verify-email',
    ).length;
    const { access_token } = await logIn(world, { id, email, password: PASSWORD });
    await world.call('DELETE', '/users/me', { token: access_token });
  }
  const closings = (await mailsTo(world, email)).filter(({ template }) => template === 'account-closed');
  expect([before, verifications, closings.length]).toEqual([0, 20, 20]);
});

test('an unproven mailbox gets twenty notices an hour, a reset all the same, and a proven one every notice', async () => {
  const notices = async (verified: boolean) => {
    const who = await person(world, { verified });
    const token = (await logIn(world, who)).access_token;
    await addTotp(world, token);
    for (let count = 0; count < 30; count++) await world.call('POST', '/mfa/recovery-codes', { token });
    await world.call('POST', '/password-reset/request', { body: { email: who.email } });
    const all = await mailsTo(world, who.email);
    return [all.length, all.filter(({ template }) => template === 'reset-password').length];
  };
  expect(await notices(false)).toEqual([21, 1]);
  expect(await notices(true)).toEqual([32, 1]);
});

test('an account whose unproven mailbox got its notices can still move to the right one', async () => {
  const { token } = await member(world, { verified: false });
  for (let count = 0; count < 11; count++) {
    world.deps.clock.advance(45);
    const email = `moved-${count}@example.net`;
    expect((await world.call('PUT', '/users/me', { token, body: { email } })).statusCode).toBe(200);
    expect(await mailsTo(world, email), email).toHaveLength(1);
  }
});

test('a link that proves the mailbox is sent twenty times an hour, and the next one is told when to come back', async () => {
  const email = 'unproven@example.net';
  // Two accounts after one another: what one of them may ask for in ten minutes is less.
  let refused = null;
  for (const [times, last] of [
    [12, false],
    [8, true],
  ] as const) {
    const who = await person(world, { email, verified: false });
    const token = (await logIn(world, who)).access_token;
    const ask = () => {
      world.deps.clock.advance(61);
      return world.call('POST', '/verify-email', { token });
    };
    for (let count = 0; count < times; count++) expect((await ask()).statusCode).toBeLessThan(300);
    if (last) refused = await ask();
    else await world.call('DELETE', '/users/me', { token: (await logIn(world, who)).access_token });
  }
  expect(refused?.json().code).toBe('rate_limited');
  expect(Number(refused?.headers['retry-after'])).toBe(3600);
});
