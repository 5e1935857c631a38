import type { AddressInfo } from 'node:net';
import { Secret, TOTP } from 'otpauth';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { person } from '../support/people.ts';
import { expectSound, tabThrough } from '../support/sound-page.ts';

const PASSWORD = 'Correct-horse-battery-1';
const NEXT_PASSWORD = 'Another-horse-battery-2';

let world: TestApp;
let browser: Browser;
let origin: string;

const settings: readonly [string, BrowserContextOptions][] = [
  ['phone', { viewport: { width: 360, height: 740 } }],
  ['desktop', { viewport: { width: 1280, height: 860 } }],
  ['phone, dark, without scripts', phoneWithoutScripts()],
  ['desktop without scripts', { viewport: { width: 1280, height: 860 }, javaScriptEnabled: false }],
];

function phoneWithoutScripts(): BrowserContextOptions {
  return { viewport: { width: 360, height: 740 }, javaScriptEnabled: false, colorScheme: 'dark' };
}

describe.skipIf(withoutChromium)('the hosted pages in Chromium', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    world = await testApp();
    await world.app.listen({ port: 0, host: '127.0.0.1' });
    origin = `http://localhost:${(world.app.server.address() as AddressInfo).port}`;
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
    await world.close();
  });

  test.each(settings)('a whole life of an account: %s', async (name, options) => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const faults = watch(page);
    const email = `${name.replaceAll(/\W+/g, '-')}@example.com`;

    await page.goto(`${origin}/account`);
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('First name').fill('Grace');
    await page.getByLabel('Last name').fill('Hopper');
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Phone number').fill('+254 712 345 678');
    await expectSound(page);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Password', { exact: true }).fill('short');
    await page.getByLabel('Repeat the password').fill('short');
    await page.getByRole('button', { name: 'Create the account' }).click();
    expect(await description(page, 'Password')).toContain('Use at least 8 characters.');
    await expectSound(page);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Repeat the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    expect(await page.getByRole('status').textContent()).toContain('Welcome.');
    expect(await page.getByText('Not confirmed').isVisible()).toBe(true);

    await page.goto(await mailed(email, 'verify-email'));
    await expectSound(page);
    await page.getByRole('button', { name: 'Confirm my address' }).click();
    expect(page.url()).toBe(`${origin}/account/verify-email/done`);
    await page.getByRole('link', { name: 'Go to my account' }).click();
    expect(await page.getByText('Confirmed', { exact: true }).isVisible()).toBe(true);

    await page.getByRole('link', { name: 'Security' }).click();
    await page.getByRole('link', { name: 'Set up: Authenticator app' }).click();
    const typed = (await page.locator('.secret').textContent()) ?? '';
    const totp = new TOTP({ secret: Secret.fromBase32(typed.replaceAll(' ', '')) });
    const code = () => totp.generate({ timestamp: world.deps.clock.now().getTime() });
    await expectSound(page);
    await page.getByLabel('Six-digit code').fill(code());
    await page.getByRole('button', { name: 'Turn it on' }).click();
    expect(await page.locator('.recovery li').count()).toBe(10);
    await expectSound(page);
    await page.getByRole('link', { name: 'I have saved them' }).click();

    for (const entry of ['Devices', 'Activity', 'Data', 'Profile']) {
      await page.getByRole('navigation').getByRole('link', { name: entry }).click();
      expect(await page.getByRole('link', { name: entry }).getAttribute('aria-current')).toBe('page');
      await expectSound(page);
    }
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();

    // By keyboard alone.
    await page.getByLabel('Email or username').focus();
    await page.keyboard.type(email);
    await page.keyboard.press('Tab');
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByLabel('Six-digit code').waitFor();
    await expectSound(page);
    world.deps.clock.advance(30);
    await page.keyboard.type(code());
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Profile' }).waitFor();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();

    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByLabel('Email').fill(email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor();
    await page.goto(await mailed(email, 'reset-password'));
    await page.getByLabel('New password', { exact: true }).fill(NEXT_PASSWORD);
    await page.getByLabel('Repeat the new password').fill(NEXT_PASSWORD);
    await expectSound(page);
    await page.getByRole('button', { name: 'Save the password' }).click();
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Email or username').fill(email);
    await page.getByLabel('Password').fill(NEXT_PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    world.deps.clock.advance(30);
    await page.getByLabel('Six-digit code').fill(code());
    await page.getByRole('button', { name: 'Continue' }).click();

    await page.getByRole('link', { name: 'Data' }).click();
    await page.getByLabel('To confirm, type').fill(email);
    await page.getByRole('button', { name: 'Close my account for good' }).click();
    await page.getByRole('heading', { name: 'Your account is closed' }).waitFor();
    expect(faults).toEqual([]);
    await context.close();
  });

  test('an address with letters beyond ASCII before the @ is kept out of no form', async () => {
    const ada = await person(world, { email: 'zoë@example.com' });
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${origin}/account/forgot-password`);
    await page.getByLabel('Email').fill(ada.email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await page.getByRole('heading', { name: 'Check your mail' }).waitFor({ timeout: 5000 });
    await page.goto(await mailed(ada.email, 'reset-password'));
    expect(await page.getByText(ada.email).isVisible()).toBe(true);
    await context.close();
  });

  test('moments are told in the time zone of whoever reads', async () => {
    const context = await browser.newContext({ timezoneId: 'Pacific/Auckland' });
    const page = await context.newPage();
    const ada = await person(world);
    await page.goto(`${origin}/account/sessions`);
    await page.getByLabel('Email or username').fill(ada.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    const time = page.locator('time').first();
    const at = new Date((await time.getAttribute('datetime')) ?? '');
    const format = { dateStyle: 'medium', timeStyle: 'short' } as const;
    const local = new Intl.DateTimeFormat('en', { ...format, timeZone: 'Pacific/Auckland' }).format(at);
    const utc = new Intl.DateTimeFormat('en', { ...format, timeZone: 'UTC' }).format(at);
    expect(await time.textContent()).toBe(local);
    expect(await time.getAttribute('title')).toBe(`${utc} UTC`);
    await context.close();
  });

  test('"this was not me" secures an account from a browser that was never signed in', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const email = 'disown@example.com';
    const { signup_token } = (
      await world.call('POST', '/signup', {
        body: { first_name: 'Ada', last_name: 'Lovelace', email, phone_number: '+254712345678' },
      })
    ).json();
    await world.call('POST', '/signup/set-password', {
      body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
    });
    const form = { username: email, password: PASSWORD };
    const { access_token } = (await world.call('POST', '/token', { form })).json();
    await world.call('POST', '/users/me/password', {
      token: access_token,
      body: { current_password: PASSWORD, new_password: NEXT_PASSWORD, confirm_new_password: NEXT_PASSWORD },
    });
    await page.goto(await mailed(email, 'not-me'));
    await page.getByRole('button', { name: 'It was not me' }).click();
    await page.getByRole('heading', { name: 'Your account is secured' }).waitFor();
    expect((await world.call('GET', '/users/me', { token: access_token })).statusCode).toBe(401);
    await page.goto(await mailed(email, 'reset-password'));
    await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
    await context.close();
  });

  test('the keyboard alone reaches everything, in order, and sees where it is', async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    const page = await context.newPage();
    await page.goto(`${origin}/account/sign-in`);
    // The page gives the focus to the first field, once it is drawn: from there to its end, and then all of it.
    await expect
      .poll(() => page.evaluate('document.activeElement.name'), { timeout: 10_000 })
      .toBe('username');
    expect((await tabThrough(page)).at(0)).toBe('Password');
    expect(await tabThrough(page)).toEqual([
      'Skip to the content',
      'Entrecore',
      'Email or username',
      'Password',
      'Show',
      'Forgot your password?',
      'Sign in',
      'Sign in with a passkey',
      'Create an account',
    ]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/#main$/);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.name')).toBe('username');
    await context.close();
  });

  test('what was refused takes the focus: the first field that is wrong, else what is said of the whole', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    const focused = () =>
      page.evaluate<string>('document.activeElement.name ?? document.activeElement.textContent');
    await page.goto(`${origin}/account/sign-in`);
    await page.getByLabel('Email or username').fill('nobody@example.com');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect.poll(focused).toBe('That name and password do not match an account.');
    await expectSound(page);

    await page.goto(`${origin}/account/sign-up`);
    await page.evaluate('document.querySelector("form").noValidate = true');
    await page.getByLabel('First name').fill('Grace');
    await page.getByLabel('Email').fill('not an address');
    await page.getByLabel('Phone number').fill('12');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect.poll(focused).toBe('last_name');
    expect(await description(page, 'Last name')).toBe('Please fill this in.');
    expect(await description(page, 'Email')).toBe('This is not a valid email address.');
    expect(await description(page, 'Phone number')).toContain('Write 10 to 15 digits');
    await expectSound(page);
    await context.close();
  });

  test('errors and links that are over have pages of their own', async () => {
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    for (const [path, title] of [
      ['/account/nothing', 'There is nothing here'],
      ['/account/verify-email?token=old', 'This link no longer works'],
      ['/account/invitation?token=old', 'This link no longer works'],
      ['/account/reset-password?token=old', 'This link no longer works'],
      ['/account/reset-password/done', 'Your password was changed'],
      ['/account/closed', 'Your account is closed'],
    ] as const) {
      await page.goto(`${origin}${path}`);
      expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(title);
      expect(await page.title()).toBe(`${title} · Entrecore`);
      await expectSound(page);
    }
    await page.close();
  });

  test('a password is judged while it is typed, and shown on demand', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const faults = watch(page);
    await page.goto(`${origin}/account/sign-up`);
    await page.getByLabel('First name').fill('Grace');
    await page.getByLabel('Last name').fill('Hopper');
    await page.getByLabel('Email').fill('judged@example.com');
    await page.getByLabel('Phone number').fill('+254712345678');
    await page.getByRole('button', { name: 'Continue' }).click();
    const input = page.getByLabel('Password', { exact: true });
    await input.fill('Password1');
    await page.getByText('This is one of the most used passwords').waitFor();
    await input.fill(PASSWORD);
    await page.getByText('Strong').waitFor();
    await page.route('**/password/check', route => route.abort());
    await input.fill('a');
    await page.getByText('Strong').waitFor({ state: 'hidden' });
    const show = page.getByRole('button', { name: 'Show' });
    expect(await show.first().getAttribute('aria-describedby')).toBe('password-label');
    expect(await page.locator('#password-label').textContent()).toBe('Password');
    await show.first().click();
    expect(await input.getAttribute('type')).toBe('text');
    // Its name says what it does next: "Hide, pressed" would be the contrary (ARIA 1.2, aria-pressed).
    const hide = page.getByRole('button', { name: 'Hide' });
    expect(await hide.getAttribute('aria-pressed')).toBe(null);
    expect(faults).toEqual([]);
    await context.close();
  });
});

/** The newest link of an action in the development mailbox. */
async function mailed(to: string, action: string): Promise<string> {
  const answer = await fetch(`${origin}/dev/mailbox.json?to=${encodeURIComponent(to)}`);
  const { items } = (await answer.json()) as { items: { links: string[] }[] };
  const link = items.flatMap(({ links }) => links).find(url => url.includes(`/account/${action}?`));
  if (link === undefined) throw new Error(`no ${action} mail to ${to}`);
  return `${origin}${link.slice(new URL(link).origin.length)}`;
}

/** Collects what should never happen: another host, a blocked resource, an error in a script. */
function watch(page: Page): string[] {
  const faults: string[] = [];
  page.on('request', request => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith('data:'))
      faults.push(request.url());
    const { referer = '' } = request.headers();
    if (referer !== '') faults.push(`Referer ${referer}`);
  });
  page.on('pageerror', error => faults.push(error.message));
  page.on('console', message => {
    if (/Content.Security.Policy|Refused to/i.test(message.text())) faults.push(message.text());
  });
  return faults;
}

/** The texts that a screen reader hears with a field. */
async function description(page: Page, label: string): Promise<string> {
  const ids = await page.getByLabel(label, { exact: true }).getAttribute('aria-describedby');
  const texts = (ids ?? '').split(' ').map(id => page.locator(`#${id}`).textContent());
  return (await Promise.all(texts)).join(' ');
}
