import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];

const found = [process.env.CHROMIUM_PATH, ...PLACES].find(path => path !== undefined && existsSync(path));

/** True where the browser tests are left out: no Chromium here. Under CI they fail instead. */
export const withoutChromium = found === undefined && process.env.CI === undefined;
if (withoutChromium)
  process.stderr.write('No Chromium here: the browser tests are skipped. Set CHROMIUM_PATH.\n');

export function openChromium(): Promise<Browser> {
  if (found === undefined) throw new Error('There is no Chromium: install it, or set CHROMIUM_PATH.');
  return chromium.launch({ executablePath: found, args: ARGUMENTS });
}
