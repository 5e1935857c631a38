import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { pageFaults } from './page-faults.js';

/** 1280 pixels at a zoom of 400 % (WCAG 2.2, 1.4.10). */
const NARROW = 320;

let shots = 0;

/**
 * Expects a page that everybody can use, by day and by night, and on the narrowest window: see page-faults.js. With
 * SCREENSHOTS, the page is also drawn into that folder.
 */
export async function expectSound(page: Page): Promise<void> {
  const before = page.viewportSize();
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    expect(await page.evaluate(pageFaults), `${page.url()}, ${colorScheme}`).toEqual([]);
    const folder = process.env.SCREENSHOTS;
    if (folder !== undefined)
      await page.screenshot({ path: `${folder}/${++shots}-${colorScheme}.png`, fullPage: true });
  }
  if (before === null) return;
  await page.setViewportSize({ width: NARROW, height: before.height });
  expect(await page.evaluate(pageFaults), `${page.url()}, ${NARROW} pixels wide`).toEqual([]);
  await page.setViewportSize(before);
}

/** Goes through the page with the Tab key, and expects of everything that is reached that it shows it has the focus. */
export async function tabThrough(page: Page): Promise<string[]> {
  const names: string[] = [];
  for (;;) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate<{ name: string; outline: number; inView: boolean } | null>(`(() => {
      const at = document.activeElement;
      if (at === document.body) return null;
      const label = at.cloneNode(true);
      for (const mark of label.querySelectorAll('[aria-hidden]')) mark.remove();
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      const { top, bottom, width, height } = at.getBoundingClientRect();
      return {
        name: at.getAttribute('aria-label') ?? (at.labels?.[0] ?? label).textContent.trim(),
        outline: outlineStyle === 'none' ? 0 : Number.parseFloat(outlineWidth),
        inView: width > 10 && height > 10 && bottom > 0 && top < innerHeight,
      };
    })()`);
    if (seen === null) return names;
    expect(seen, seen.name).toMatchObject({ outline: 2, inView: true });
    names.push(seen.name);
    if (names.length > 100) throw new Error(`The focus is caught: ${names.join(', ')}`);
  }
}
