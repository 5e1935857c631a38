// The development mailbox on a phone, with an address as long as one may be.
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enqueueMail } from '../../src/delivery/enqueue.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { expectSound } from '../support/sound-page.ts';

const ADDRESS = `${'a'.repeat(64)}@${'b'.repeat(63)}.example.com`;

describe.skipIf(withoutChromium)('the development mailbox in Chromium', { timeout: 60_000 }, () => {
  let world: TestApp;
  beforeAll(async () => {
    world = await testApp();
    const { deps } = world;
    await deps.db.transaction(tx =>
      enqueueMail(deps, tx, {
        template: 'reset-password',
        to: ADDRESS,
        params: { name: 'Ada' },
        secrets: { token: 'token' },
        expiresAt: new Date(deps.clock.now().getTime() + 3600_000),
      }),
    );
    await world.app.listen({ port: 0, host: '127.0.0.1' });
  });
  afterAll(() => world.close());

  test('a long address is broken, and neither cut off nor wider than the window', async () => {
    const browser = await openChromium();
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    const beyond = () =>
      page.evaluate<string[]>(`[...document.querySelectorAll('main *')]
        .filter(({ tagName }) => tagName !== 'IFRAME')
        .filter(element => element.getBoundingClientRect().right > innerWidth).map(element => element.outerHTML)`);
    await page.goto(`http://localhost:${(world.app.server.address() as AddressInfo).port}/dev/mailbox`);
    expect(await beyond()).toEqual([]);
    await expectSound(page);
    await page.getByText(ADDRESS).click();
    await page.getByText('Plain text').waitFor();
    expect(await beyond()).toEqual([]);
    await expectSound(page);
    await browser.close();
  });
});
