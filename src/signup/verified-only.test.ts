// With REQUIRE_VERIFIED_EMAIL.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { member, person } from '../../test/support/people.ts';
import { signupSteps } from '../../test/support/signup-steps.ts';
import { sql } from '../platform/sql.ts';

let hidden: TestApp;
beforeAll(async () => {
  hidden = await testApp({ requireVerifiedEmail: true });
});
afterAll(() => hidden.close());
const { step1, step2 } = signupSteps(() => hidden);

test('a new and a taken address get the same answers, and the owner of the taken one a mail', async () => {
  const run = async (email: string) => {
    const first = await step1(email);
    const second = await step2(email, first.json().signup_token);
    return {
      first: { status: first.statusCode, members: Object.keys(first.json()) },
      second: { status: second.statusCode, body: second.json() },
      headers: Object.keys(second.headers).sort(),
    };
  };
  const fresh = await run('New@example.com');
  expect(fresh.second).toEqual({
    status: 202,
    body: { message: 'Check your mail to finish', email: 'New@example.com' },
  });
  const taken = await run('new@example.com');
  expect({
    ...taken,
    second: { ...taken.second, body: { ...taken.second.body, email: 'New@example.com' } },
  }).toEqual(fresh);
  expect(
    await hidden.deps.db.rows(sql`select template, recipient from outbox order by created_at, template desc`),
  ).toEqual([
    { template: 'verify-email', recipient: 'New@example.com' },
    { template: 'email-taken', recipient: 'New@example.com' },
  ]);
  expect(await hidden.deps.db.row(sql`select count(*) as n from users`)).toEqual({ n: 1 });
});

test('the owner of a taken address gets one mail an hour, however many sign up with it and whichever way', async () => {
  const flooded = await testApp({ requireVerifiedEmail: true });
  try {
    const { email } = await person(flooded);
    const { token } = await member(flooded);
    const mails = async () =>
      (await mailsTo(flooded, email)).filter(({ template }) => template === 'email-taken').length;
    const flood = async () => {
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, n) => step1(n % 2 === 0 ? email : email.toUpperCase(), flooded)),
      );
      expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([200]));
      const change = await flooded.call('PUT', '/users/me', { token, body: { email } });
      expect(change.json().pending_email).toBe(email);
    };
    await flood();
    expect(await mails()).toBe(1);
    flooded.deps.clock.advance(599);
    await flood();
    expect(await mails()).toBe(1);
    flooded.deps.clock.advance(3001);
    await Promise.all(Array.from({ length: 30 }, () => step1(email, flooded)));
    expect(await mails()).toBe(2);
  } finally {
    await flooded.close();
  }
});

test('an address that is kept for its former owner gets the same answer, and the owner no mail about it', async () => {
  const { who, token } = await member(hidden);
  const email = `next-${who.email}`;
  await hidden.call('PUT', '/users/me', { token, body: { email } });
  const confirm = await mailedToken(hidden, 'email-change-confirm', email);
  expect((await hidden.call('POST', `/verify-email/${confirm}`)).statusCode).toBe(200);
  expect((await step1(who.email)).statusCode).toBe(200);
  const told = [...(await mailsTo(hidden, email)), ...(await mailsTo(hidden, who.email))];
  expect(told.map(({ template }) => template)).not.toContain('email-taken');
});

test('both steps take the time that hides the difference', async () => {
  const time = async (email: string) => {
    const from = performance.now();
    await step1(email);
    return performance.now() - from;
  };
  expect(await time('fresh@example.com')).toBeGreaterThan(29);
  expect(await time('new@example.com')).toBeGreaterThan(29);
});
