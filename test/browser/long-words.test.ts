// Words that do not end: in the name of a brand or a passkey, in an address. They are broken, on the narrowest window too.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderMail } from '../../src/delivery/render.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { addAuthenticator } from '../support/authenticator.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { configWith } from '../support/deps.ts';
import { freePort } from '../support/free-port.ts';
import { person } from '../support/people.ts';
import { expectSound } from '../support/sound-page.ts';

const brand = { ...configWith({}).brand, name: 'W'.repeat(60) };

describe.skipIf(withoutChromium)('words without an end in Chromium', { timeout: 60_000 }, () => {
  let world: TestApp;
  let browser: Browser;
  let origin: string;
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    world = await testApp({ brand, passkeys: { rpId: 'localhost', origins: [origin] } });
    await world.app.listen({ port, host: '127.0.0.1' });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await world.close();
  });

  test('on the pages', async () => {
    const ada = await person(world);
    await world.deps.db.run(sql`
      update users set first_name = ${'M'.repeat(100)}, last_name = ${'M'.repeat(100)} where id = ${ada.id}::uuid`);
    const page = await browser.newPage({ viewport: { width: 800, height: 740 } });
    await addAuthenticator(page);
    await page.goto(`${origin}/account/sign-in`);
    await expectSound(page);
    await page.getByLabel('Email or username').fill(ada.email);
    await page.getByLabel('Password').fill(ada.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.goto(`${origin}/account/security/passkeys`);
    await page.getByLabel('Name of the passkey').fill('W'.repeat(64));
    await page.getByRole('button', { name: 'Create the passkey' }).click();
    await page.getByRole('heading', { name: 'W'.repeat(64) }).waitFor();
    await expectSound(page);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(800);
  });

  test('in a mail', async () => {
    const page = await browser.newPage({ viewport: { width: 320, height: 740 } });
    for (const named of [brand, { ...brand, name: 'Acme' }]) {
      const { html } = renderMail(configWith({ brand: named }), {
        template: 'email-changed',
        params: {
          newEmail: `${'a'.repeat(64)}@${'b'.repeat(63)}.example.com`,
          ip: '2001:db8:1111:2222:3333:4444:5555:6666',
        },
        secrets: { token: 'T'.repeat(43), notMeToken: 'T'.repeat(43) },
        createdAt: new Date('2026-11-29T12:00:00Z'),
        expiresAt: null,
      });
      await page.setContent(html);
      expect(await page.evaluate('document.documentElement.scrollWidth'), named.name).toBe(320);
    }
  });
});
