// A proxy that serves us under a path of its host, and takes that path off: the links in mails lead there.
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkTo } from '../../src/delivery/link.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { authorizeAndAsk } from '../support/docs-page.ts';
import { freePort } from '../support/free-port.ts';
import { mailsTo } from '../support/mails.ts';
import { type PathProxy, pathProxy } from '../support/path-proxy.ts';
import { PASSWORD } from '../support/people.ts';

const BASE = '/id/auth';

describe.skipIf(withoutChromium)('under a path, in Chromium', { timeout: 120_000 }, () => {
  let world: TestApp;
  let proxy: PathProxy;
  let browser: Browser;
  let origin: string;
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    world = await testApp({
      http: { publicUrl: origin + BASE, appUrl: origin + BASE },
      passkeys: { rpId: 'localhost', origins: [origin] },
    });
    world.deps.clock.set(new Date());
    await world.app.listen({ port: 0, host: '127.0.0.1' });
    const behind = (world.app.server.address() as AddressInfo).port;
    proxy = await pathProxy({ path: BASE, port, behind });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    proxy?.close();
    await world.close();
  });

  async function visit(): Promise<{ page: Page; astray: string[] }> {
    const page = await (await browser.newContext()).newPage();
    const astray: string[] = [];
    page.on('request', asked => {
      const { protocol, pathname } = new URL(asked.url());
      if (protocol.startsWith('http') && !pathname.startsWith(`${BASE}/`)) astray.push(asked.url());
    });
    page.on(
      'response',
      answer => answer.status() >= 400 && astray.push(`${answer.status()} ${answer.url()}`),
    );
    return { page, astray };
  }

  test('somebody signs up, confirms by the mailed link, and signs out, and nothing is asked beside the path', async () => {
    const { page, astray } = await visit();
    await page.goto(`${origin}${BASE}/account/sign-in`);
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('First name').fill('href="/Ada');
    await page.getByLabel('Last name').fill('Lovelace');
    await page.getByLabel('Email').fill('ada@example.com');
    await page.getByLabel('Phone number').fill('+254712345678');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.locator('.strength:visible').waitFor();
    await page.getByLabel('Repeat the password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.waitForURL(`${origin}${BASE}/account`);
    expect(await page.getByLabel('First name').inputValue()).toBe('href="/Ada');

    const [mail] = await mailsTo(world, 'ada@example.com');
    await page.goto(linkTo(world.deps.config, 'verify-email', String(mail?.secrets.token)));
    await page.locator('main button').click();
    await page.waitForURL(`${origin}${BASE}/account/verify-email/done`);
    await page.goto(`${origin}${BASE}/account`);
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await page.waitForURL(`${origin}${BASE}/account/sign-in`);
    expect(astray).toEqual([]);
  });

  test('the page of the API logs in by Authorize, and calls a route', async () => {
    const { page, astray } = await visit();
    await page.goto(`${origin}${BASE}/docs`);
    await authorizeAndAsk(page, { email: 'ada@example.com', password: PASSWORD });
    expect(astray).toEqual([]);

    await page.goto(`${origin}${BASE}/docs/`);
    await page.getByRole('button', { name: 'Authorize' }).first().waitFor();
    expect(astray).toEqual([]);
  });
});
