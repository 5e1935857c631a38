import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { type RealProvider, realProvider } from '../support/oidc-provider.ts';

let provider: RealProvider;
let world: TestApp;
let browser: Browser;
let origin: string;
/** A web client of another origin, whose page tells the one that opened it where it was sent. */
const client = createServer((_request, response) => {
  response
    .setHeader('content-type', 'text/html')
    .end('<!doctype html><title>Client</title><script>opener?.postMessage(location.search)</script>');
});

describe.skipIf(withoutChromium)('a provider in Chromium', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    provider = await realProvider(`${origin}/oauth/acme/callback`);
    await new Promise<void>(resolve => client.listen(0, '127.0.0.1', resolve));
    world = await testApp({
      http: { publicUrl: origin, appUrl: origin, corsOrigins: [origin] },
      redirectUris: [origin, clientUri()],
      oidcProviders: [provider.entry],
    });
    world.deps.clock.set(new Date());
    await world.app.listen({ port, host: '127.0.0.1' });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
    await provider?.stop();
    client.close();
  });

  test('a person signs in at the provider and lands in the account, twice the same', async () => {
    for (const sight of ['first', 'second']) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`${origin}/account/sessions`);
      await page.getByRole('link', { name: 'Continue with Acme' }).click();
      expect(new URL(page.url()).origin, sight).toBe(provider.issuer);
      await page.getByLabel('Name').fill('ada');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.waitForURL(`${origin}/account/sessions`);
      const cookies = await context.cookies(origin);
      expect(cookies.filter(({ name }) => name.startsWith('entrecore_oauth_'))).toEqual([]);
      expect(cookies.find(({ name }) => name === 'entrecore_access')).toMatchObject({
        httpOnly: true,
        sameSite: 'Lax',
      });
      await page.goto(`${origin}/account`);
      expect(await page.getByText('ada@example.com').first().isVisible()).toBe(true);
      await context.close();
    }
    expect(await world.deps.db.rows(sql`select email from users`)).toEqual([{ email: 'ada@example.com' }]);
  });

  test('a person who cancels at the provider is back at the sign-in page', async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}/account/sign-in`);
    await page.getByRole('link', { name: 'Continue with Acme' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForURL(/\/account\/sign-in\/callback/);
    expect(await page.getByRole('button', { name: 'Sign in', exact: true }).isVisible()).toBe(true);
    expect(await page.getByRole('alert').count()).toBe(1);
    await page.close();
  });

  test('a web client may sign people in by a window that it opens, and hears from that window', async () => {
    const page = await browser.newPage();
    await page.goto(clientUri());
    const query = new URLSearchParams({
      redirect_uri: clientUri(),
      code_challenge: 'a'.repeat(43),
      state: 'S',
    });
    const [opened] = await Promise.all([
      page.waitForEvent('popup'),
      page.evaluate(`opened = open('${origin}/oauth/acme/authorize?${query.toString()}');
        told = new Promise(resolve => { onmessage = ({ data }) => resolve(data); }); 0`),
    ]);
    await opened.getByLabel('Name').fill('ada');
    expect(await page.evaluate('opened.closed')).toBe(false);
    await opened.getByRole('button', { name: 'Sign in', exact: true }).click();
    expect(await page.evaluate('told')).toMatch(/code=[\w-]{43}&state=S/);
    await page.close();
  });

  test("an answer that is brought into another person's browser signs nobody in", async () => {
    const query = new URLSearchParams({ redirect_uri: origin, code_challenge: 'a'.repeat(43) });
    const begun = await fetch(`${origin}/oauth/acme/authorize?${query.toString()}`, { redirect: 'manual' });
    const answer = await provider.signIn(begun.headers.get('location') ?? '', 'mallory');
    expect(answer.searchParams.has('code')).toBe(true);
    const victim = await browser.newContext();
    const lured = await victim.newPage();
    expect((await lured.goto(answer.href))?.status()).toBe(400);
    expect(await lured.getByText('begun in another browser').isVisible()).toBe(true);
    expect((await victim.cookies(origin)).map(({ name }) => name)).toEqual(['entrecore_form']);
    await victim.close();
  });
});

function clientUri(): string {
  return `http://localhost:${(client.address() as AddressInfo).port}/`;
}
