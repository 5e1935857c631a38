// The interactive documentation, as somebody uses it on the day of the evaluation: Authorize, then a request.
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { authorizeAndAsk } from '../support/docs-page.ts';
import { type Person, person } from '../support/people.ts';

describe.skipIf(withoutChromium)('/docs in Chromium', { timeout: 60_000 }, () => {
  let world: TestApp;
  let browser: Browser;
  let ada: Person;
  beforeAll(async () => {
    world = await testApp();
    world.deps.clock.set(new Date());
    ada = await person(world);
    await world.app.listen({ port: 0, host: '127.0.0.1' });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await world.close();
  });

  test('logs in by Authorize and calls a guarded route, at whatever name the page was opened, from this host alone', async () => {
    const { port } = world.app.server.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost']) {
      const origin = `http://${host}:${port}`;
      const page = await (await browser.newContext()).newPage();
      const foreign: string[] = [];
      const complaints: string[] = [];
      page.on('request', request => {
        const { protocol, origin: asked } = new URL(request.url());
        if (protocol.startsWith('http') && asked !== origin) foreign.push(request.url());
      });
      page.on('console', message => message.type() === 'error' && complaints.push(message.text()));

      await page.goto(`${origin}/docs`);
      const answer = await authorizeAndAsk(page, ada);
      expect(await answer.locator('tbody .response-col_status').first().innerText()).toContain('200');
      expect([foreign, complaints]).toEqual([[], []]);
      // Tokens that were kept there would be whoever's who uses the browser next, or any script of this origin.
      expect(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')).toBe(
        '[{},{}]',
      );
      await page.context().close();
    }
  });
});
