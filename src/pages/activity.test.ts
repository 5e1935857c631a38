import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/browser.ts';
import { NEW, resets } from '../../test/support/resets.ts';
import { signupSteps } from '../../test/support/signup-steps.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

test('tells people what happened to them in words for them, not in those of the operator', async () => {
  const { step1, step2 } = signupSteps(() => world);
  const email = 'newcomer@example.com';
  const { id } = (await step2(email, (await step1(email)).json().signup_token)).json();
  const reset = resets(() => world);
  await reset.confirm(await reset.linkFor({ id, email, password: NEW }));

  const browser = await signedIn(world, { id, email, password: NEW });
  const { body } = await browser.get('/account/activity');
  expect([...body.matchAll(/<h2>([^<]+)<\/h2>/g)].map(([, words]) => words)).toEqual([
    'New device recognised',
    'Signed in',
    'Password set by a mailed link',
    'Address proven, and what was set before it removed',
    'Password link sent',
    'Account created',
    'Sign-up begun',
  ]);
});
