import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { mailsTo } from '../../test/support/mails.ts';
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

/** Asks for a mail from a sign-in page that leads on to `next`. */
async function askedFrom(browser: Browser, next: string, email: string) {
  const signIn = await browser.get(`/account/sign-in?next=${encodeURIComponent(next)}`);
  const path = /href="(\/account\/sign-in\/mail[^"]*)"/.exec(signIn.body)?.[1] ?? '';
  const sent = await browser.submitAndFollow(await browser.get(path), { email });
  return { sent, secrets: (await mailsTo(world, email)).at(-1)?.secrets ?? {} };
}

test('the mailed code leads on to the page that was asked for, and so does the link, in another tab', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  const typed = await askedFrom(browser, '/account/security', ada.email);
  const wrong = await browser.submit(typed.sent, { code: typed.secrets.code === '000000' ? '1' : '000000' });
  const went = await browser.submit(wrong, { code: String(typed.secrets.code) });
  expect(went.headers.location).toBe('/account/security');

  const again = new Browser(world);
  const { secrets } = await askedFrom(again, '/account/sessions?done=unsent', ada.email);
  const opened = await again.get(`/account/sign-in?token=${secrets.token}`);
  expect((await again.submit(opened)).headers.location).toBe('/account/sessions');
  expect([...again.cookies.keys()].filter(name => /next|request/.test(name))).toEqual([]);
});

test('a mailed sign-in leads to our own pages alone, and forgets where an older one was to lead', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  await askedFrom(browser, '/account/security', ada.email);
  const { sent, secrets } = await askedFrom(browser, '//evil.example', ada.email);
  expect((await browser.submit(sent, { code: String(secrets.code) })).headers.location).toBe('/account');

  const planted = new Browser(world);
  const asked = await askedFrom(planted, '/account', ada.email);
  for (const name of planted.cookies.keys())
    if (/next/.test(name)) planted.cookies.set(name, '//evil.example');
  const went = await planted.submit(asked.sent, { code: String(asked.secrets.code) });
  expect(went.headers.location).toBe('/account');
});
