import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { person } from '../../test/support/people.ts';
import { readMailbox } from '../delivery/mailbox.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ signInByMail: true });
});
afterAll(() => world.close());

test('a link that was used, or is too old, is not said to be of another browser', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  await browser.submit(await browser.get('/account/sign-in/mail'), { email: ada.email });
  const [mail] = await readMailbox(world.deps, { to: ada.email });
  const { pathname, search } = new URL(mail?.links[0] as string);
  const used = pathname + search;
  expect((await browser.submit(await browser.get(used))).headers.location).toBe('/account');
  const over = await browser.get(used);
  expect(over.body).toContain(
    'This link works once, for ten minutes, and only in the browser that asked for it.',
  );
  expect(over.body).toContain('Ask for another mail');
});
