// The checks that every page of the other files passes notice a page that is not sound.
import { expect, test } from 'vitest';
import { openChromium, withoutChromium } from '../support/chromium.ts';
import { pageFaults } from '../support/page-faults.js';

test.skipIf(withoutChromium)(
  'a page without names, order and contrast is told so, fault by fault',
  async () => {
    const browser = await openChromium();
    const page = await browser.newPage();
    await page.setContent('<h3>Title</h3><input><p style="color: #ddd; background: #fff">pale</p>');
    expect(await page.evaluate(pageFaults)).toEqual([
      'no language',
      'no title',
      'not one main landmark',
      'in no landmark: <p style="color: #ddd; background: #fff">',
      'headings: 3',
      'heading skipped: 3',
      'no label: <input>',
      'contrast 1.36: <p style="color: #ddd; background: #fff">',
    ]);
    await browser.close();
  },
);
