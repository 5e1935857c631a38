import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkTo } from '../../src/delivery/link.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { addAuthenticator, type VirtualAuthenticator } from '../support/authenticator.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';
import { expectSound } from '../support/sound-page.ts';

let world: TestApp;
let browser: Browser;
let origin: string;

describe.skipIf(withoutChromium)('ways in, in Chromium', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    world = await testApp({
      http: { publicUrl: origin, appUrl: origin },
      passkeys: { rpId: 'localhost', origins: [origin] },
      signInByMail: true,
    });
    await world.app.listen({ port, host: '127.0.0.1' });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser.close();
    await world.close();
  });

  test.each([
    ['phone', 360, false],
    ['desktop', 1280, true],
  ])('a passkey is added, named and used on the pages: %s', async (_name, width, offered) => {
    const ada = await person(world);
    const { page, faults } = await visit(width);
    await addAuthenticator(page);
    await page.goto(`${origin}/account/sign-in`);
    await page.getByLabel('Email or username').fill(ada.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.goto(`${origin}/account/security`);
    await expectSound(page);
    await page.getByRole('link', { name: 'Add a passkey' }).click();
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('name');
    await page.getByLabel('Name of the passkey').fill('My desk');
    await expectSound(page);
    await page.getByRole('button', { name: 'Create the passkey' }).click();
    expect(await page.getByRole('status').textContent()).toContain('The passkey was added.');
    expect(await page.getByRole('heading', { name: 'My desk' }).isVisible()).toBe(true);
    await page.getByText('Rename', { exact: true }).click();
    await page.getByLabel('Name of the passkey').fill('My laptop');
    await page.getByRole('button', { name: 'Save' }).click();
    expect(await page.getByRole('heading', { name: 'My laptop' }).isVisible()).toBe(true);
    await expectSound(page);

    world.deps.clock.advance(601);
    await page.getByRole('link', { name: 'Add a passkey' }).click();
    expect(page.url()).toContain('/account/confirm');
    await page.getByRole('button', { name: 'Use a passkey' }).click();
    await page.waitForURL(`${origin}/account/security/passkeys`);

    // The virtual person chooses at once what the name field offers; on the phone nothing is offered there.
    if (offered) await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    else {
      await page.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false');
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await expectSound(page);
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    }
    await page.waitForURL(`${origin}/account`);
    expect(await page.getByRole('heading', { name: 'Profile' }).isVisible()).toBe(true);
    expect(faults).toEqual([]);
  });

  test.each([
    ['phone', 360],
    ['desktop', 1280],
  ])(
    'an account is made with a passkey in place of a password, and lives without one: %s',
    async (name, width) => {
      const email = `keyed-${name}@example.com`;
      const { page, faults } = await visit(width);
      const authenticator = await addAuthenticator(page);
      // Nothing is offered by itself, so that the buttons are what is pressed.
      await page.addInitScript('PublicKeyCredential.isConditionalMediationAvailable = async () => false');
      await beginSignUp(page, email);
      await expectSound(page);
      await verifyPerson(authenticator, false);
      await page.getByRole('button', { name: 'Use a passkey instead' }).click();
      await page.getByText('The passkey was not used.').waitFor();
      expect(await page.evaluate('document.activeElement.role')).toBe('alert');
      await expectSound(page);
      await verifyPerson(authenticator, true);
      await page.getByRole('button', { name: 'Use a passkey instead' }).click();
      await page.waitForURL(`${origin}/account`);
      expect(await page.getByRole('status').textContent()).toContain('Welcome.');

      await page.getByRole('link', { name: 'Security' }).click();
      expect(await page.getByText('Your account has no password').isVisible()).toBe(true);
      expect(await page.getByRole('heading', { name: / on Linux$/ }).isVisible()).toBe(true);
      await expectSound(page);
      world.deps.clock.advance(601);
      await page.getByRole('link', { name: 'Add a passkey' }).click();
      expect(page.url()).toContain('/account/confirm');
      expect(await page.getByLabel('Password').count()).toBe(0);
      await expectSound(page);
      await page.getByRole('button', { name: 'Use a passkey' }).click();
      await page.waitForURL(`${origin}/account/security/passkeys`);
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
      await page.waitForURL(`${origin}/account`);
      expect(await page.getByText(email).first().isVisible()).toBe(true);
      expect(faults).toEqual([]);
    },
  );

  test('a page that has been open for longer than a challenge works still takes a passkey, and makes none in vain', async () => {
    const ada = await person(world);
    const { page } = await visit(1280);
    const authenticator = await addAuthenticator(page);
    const { cdp, id: authenticatorId } = authenticator;
    const setPresence = (enabled: boolean) =>
      cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
    const made = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials;
    const wait = async (seconds: number) => {
      world.deps.clock.advance(seconds);
      await page.clock.fastForward(seconds * 1000);
    };
    await page.clock.install();
    await page.goto(`${origin}/account/sign-in`);
    await page.getByLabel('Email or username').fill(ada.email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.goto(`${origin}/account/security/passkeys`);
    await page.getByLabel('Name of the passkey').fill('My desk');
    await wait(301);
    await page.getByRole('button', { name: 'Create the passkey' }).click();
    await page.getByText('That passkey was not accepted.').waitFor();
    expect(await made()).toHaveLength(0);
    expect(await page.getByLabel('Name of the passkey').inputValue()).toBe('My desk');
    await page.getByRole('button', { name: 'Create the passkey' }).click();
    await page.waitForURL(`${origin}/account/security`);
    expect(await made()).toHaveLength(1);

    await setPresence(false);
    await page.addInitScript(`{
      const { credentials } = navigator;
      const get = credentials.get.bind(credentials);
      credentials.get = options => ((window.offered = true), get(options));
    }`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await expect.poll(() => page.evaluate('window.offered'), { timeout: 10_000 }).toBeTruthy();
    await setPresence(true);
    await wait(301);
    await page.waitForURL(`${origin}/account`, { timeout: 10_000 });
    await page.context().close();
  });

  test('a browser without passkeys is offered none, and signs up with a password', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${origin}/account/sign-in`);
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).isVisible()).toBe(false);
    await beginSignUp(page, 'keyless@example.com');
    expect(await page.getByText('or', { exact: true }).isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: 'Use a passkey instead' }).isVisible()).toBe(false);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Repeat the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    expect(await page.getByRole('status').textContent()).toContain('Welcome.');
  });

  test.each([
    ['phone', 360],
    ['desktop', 1280],
  ])('a mailed code and a mailed link sign in the browser that asked: %s', async (_name, width) => {
    const ada = await person(world);
    const { page, faults } = await visit(width);
    const ask = async () => {
      await page.goto(`${origin}/account/sign-in`);
      await page.getByRole('link', { name: 'Mail me a link to sign in' }).click();
      await expectSound(page);
      await page.getByLabel('Email').fill(ada.email);
      await page.getByRole('button', { name: 'Send the mail' }).click();
      await expectSound(page);
      const { secrets } = (await mailsTo(world, ada.email)).at(-1) as { secrets: Record<string, string> };
      return {
        code: String(secrets.code),
        link: linkTo(world.deps.config, 'sign-in', String(secrets.token)),
      };
    };
    const { code } = await ask();
    await page.getByLabel('Six-digit code').fill(code);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(`${origin}/account`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();

    const { link } = await ask();
    const stranger = (await visit(width)).page;
    await stranger.goto(link);
    expect(await stranger.getByText('only in the browser that asked for it').isVisible()).toBe(true);
    await page.goto(link);
    await expectSound(page);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(`${origin}/account`);
    expect(faults).toEqual([]);
  });

  test.each([
    ['phone', 360],
    ['desktop', 1280],
  ])('an invitation becomes an account: %s', async (name, width) => {
    const admin = await person(world, { roles: ['admin'] });
    const { access_token: token } = await logIn(world, admin);
    const email = `invited-${name}@example.com`;
    await world.call('POST', '/invitations', { token, body: { email } });
    const [mail] = await mailsTo(world, email);
    const { page, faults } = await visit(width);
    await page.goto(linkTo(world.deps.config, 'invitation', String(mail?.secrets.token)));
    await expectSound(page);
    await page.getByLabel('First name').fill('Grace');
    await page.getByLabel('Last name').fill('Hopper');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Repeat the password').fill('Something-else-1');
    await page.getByRole('button', { name: 'Create the account' }).click();
    expect(await page.getByText('The two passwords differ.').isVisible()).toBe(true);
    await expectSound(page);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Repeat the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Email or username').fill(email);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL(`${origin}/account`);
    expect(faults).toEqual([]);
  });
});

/** Whether the authenticator recognises its person: a fingerprint that fits, or not. */
async function verifyPerson({ cdp, id }: VirtualAuthenticator, isUserVerified: boolean): Promise<void> {
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified });
}

/** Step 1 of a sign-up, which leads to the second. */
async function beginSignUp(page: Page, email: string): Promise<void> {
  await page.goto(`${origin}/account/sign-up`);
  await page.getByLabel('First name').fill('Grace');
  await page.getByLabel('Last name').fill('Hopper');
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Phone number').fill('+254712345678');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('heading', { name: 'Choose a password' }).waitFor();
}

/** A page of its own browser, and what its console complains of. */
async function visit(width: number): Promise<{ page: Page; faults: string[] }> {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', error => faults.push(error.message));
  page.on('console', message => {
    // A refused form is answered with a status of its own, which the console notes.
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) faults.push(message.text());
  });
  return { page, faults };
}
