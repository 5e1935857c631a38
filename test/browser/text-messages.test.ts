import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Delivery, startDelivery } from '../../src/delivery/worker.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { PASSWORD, person } from '../support/people.ts';
import { type SmsProvider, smsProvider } from '../support/sms.ts';
import { expectSound } from '../support/sound-page.ts';

let provider: SmsProvider;
let world: TestApp;
let delivery: Delivery;
let browser: Browser;
let origin: string;

describe.skipIf(withoutChromium)('text messages in Chromium', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    const port = await freePort();
    origin = `http://localhost:${port}`;
    provider = await smsProvider();
    world = await testApp({
      http: { publicUrl: origin, appUrl: origin },
      rateLimit: { sms_number: { points: 2, seconds: 86_400 } },
      sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' }, countries: ['KE'] },
    });
    delivery = startDelivery(world.deps, { pollSeconds: 0.05 });
    await world.app.listen({ port, host: '127.0.0.1' });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await delivery?.stop();
    await world?.close();
    await provider?.close();
  });

  test.each([
    ['phone', 360, true, '+254712000001'],
    ['desktop without scripts', 1280, false, '+254712000002'],
  ] as const)(
    'a phone is added, asked at the next sign-in, and removed: %s',
    async (_name, width, scripts, to) => {
      const ada = await person(world);
      const context = await browser.newContext({
        viewport: { width, height: 800 },
        javaScriptEnabled: scripts,
      });
      const page = await context.newPage();
      await page.goto(`${origin}/account/security`);
      await signIn(page, ada.email);
      await page.getByRole('link', { name: 'Set up: Text message' }).click();
      const number = page.getByLabel('Phone number');
      await number.fill('+49 151 1234 5678');
      await page.getByRole('button', { name: 'Text me a code' }).click();
      expect(await page.locator('.error').textContent()).toBe('We cannot send text messages to this number.');
      await expectSound(page);
      await number.fill(`${to.slice(0, 4)} ${to.slice(4)}`);
      await page.getByRole('button', { name: 'Text me a code' }).click();
      const enrolling = await nextCode(to, 1);
      await page.getByLabel('Six-digit code').fill(other(enrolling));
      await page.getByRole('button', { name: 'Turn it on' }).click();
      expect(await page.locator('.error').textContent()).toContain('That code is wrong');
      await expectSound(page);
      await page.getByLabel('Six-digit code').fill(enrolling);
      await page.getByRole('button', { name: 'Turn it on' }).click();
      expect(await page.getByRole('status').textContent()).toBe('Text messages are on.');
      expect(await page.locator('.recovery li').count()).toBe(10);
      await page.getByRole('link', { name: 'I have saved them' }).click();
      expect(await page.getByText(`${to.slice(0, 6)}•••••${to.slice(-2)}`).isVisible()).toBe(true);
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();

      await signIn(page, ada.email);
      await page.getByRole('button', { name: 'Text me a code' }).click();
      await page.getByText('A code is on its way to your phone.').waitFor();
      await expectSound(page);
      const asked = await nextCode(to, 2);
      await page.getByLabel('Code from the text message').fill(other(asked));
      await page.getByRole('button', { name: 'Continue' }).click();
      expect(await page.locator('.error').textContent()).toContain('That code is wrong');
      expect(await page.getByRole('link', { name: 'Text me another code' }).isVisible()).toBe(true);
      await expectSound(page);
      await page.getByLabel('Code from the text message').fill(asked);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { name: 'Profile' }).waitFor();

      // Ten minutes later, a fresh proof by text message comes before the removal.
      world.deps.clock.advance(601);
      await page.goto(`${origin}/account/security`);
      await page.getByRole('button', { name: 'Remove: Text message' }).click();
      await page.getByRole('button', { name: 'Text me a code' }).click();
      await page.getByLabel('Code from the text message').fill(await nextCode(to, 3));
      await expectSound(page);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.waitForURL(`${origin}/account/security`);
      await page.getByRole('button', { name: 'Remove: Text message' }).click();
      await page.getByRole('link', { name: 'Set up: Text message' }).waitFor();
      await expectSound(page);
      await page.getByRole('button', { name: 'Sign out', exact: true }).click();
      await signIn(page, ada.email);
      expect(page.url()).toBe(`${origin}/account`);
      await context.close();
    },
  );

  test('a number that was texted enough is told so, and a recovery code still opens', async () => {
    const to = '+254712000003';
    const ada = await person(world);
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    await page.goto(`${origin}/account/security`);
    await signIn(page, ada.email);
    await page.goto(`${origin}/account/security/phone`);
    await page.getByLabel('Phone number').fill(to);
    await page.getByRole('button', { name: 'Text me a code' }).click();
    await page.getByLabel('Six-digit code').fill(await nextCode(to, 1));
    await page.getByRole('button', { name: 'Turn it on' }).click();
    const [recovery] = await page.locator('.recovery code').allTextContents();
    await page.getByRole('link', { name: 'I have saved them' }).click();
    await page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await signIn(page, ada.email);
    for (const count of [2, 3]) {
      await page.getByRole('button', { name: 'Text me a code' }).click();
      await nextCode(to, count);
      world.deps.clock.advance(60);
      await page.getByRole('link', { name: 'Text me another code' }).click();
    }
    await page.getByRole('button', { name: 'Text me a code' }).click();
    expect(await page.getByRole('alert').textContent()).toBe(
      'We cannot send more text messages to this number for now. Use another way, or wait. Try again in 24 hours.',
    );
    await expectSound(page);
    await page.getByRole('link', { name: 'Use a recovery code' }).click();
    await page.getByLabel('Recovery code').fill(recovery ?? '');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Profile' }).waitFor();
    await page.close();
  });
});

async function signIn(page: Page, email: string): Promise<void> {
  await page.getByLabel('Email or username').fill(email);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** The code of the newest of `count` messages to a number. */
async function nextCode(number: string, count: number): Promise<string> {
  const texts = () => provider.requests.map(({ body }) => JSON.parse(body)).filter(({ to }) => to === number);
  await expect.poll(texts, { timeout: 5000 }).toHaveLength(count);
  // Until it is noted as sent, a clock that is moved by its lease has it sent once more.
  const held = () => world.deps.db.rows(sql`select from outbox where claimed_until is not null`);
  await expect.poll(held, { timeout: 5000 }).toEqual([]);
  return /^\d{6}/.exec(texts().at(-1).body)?.[0] ?? '';
}

/** A code that is not this one. */
const other = (code: string) => `${code.startsWith('0') ? '1' : '0'}${code.slice(1)}`;
