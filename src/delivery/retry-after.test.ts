import { afterEach, expect, test, vi } from 'vitest';
import { secondsAsked } from './retry-after.ts';

const now = new Date('2026-11-30T12:00:00Z');
afterEach(() => vi.unstubAllEnvs());

test.each([
  ['300', 300],
  ['Mon, 30 Nov 2026 12:05:00 GMT', 300],
  // The obsolete forms of RFC 9110 §5.6.7, which must be understood, too. The last one is in UTC, wherever we are.
  ['Monday, 30-Nov-26 12:05:00 GMT', 300],
  ['Mon Nov 30 12:05:00 2026', 300],
  // What is left of a time that is over, and what is no time at all: JavaScript reads a year out of them.
  ['-40', 0],
  ['+40', 0],
  ['try 2099', 0],
  ['2099-01-01', 0],
  ['', 0],
])('"%s" asks for %i seconds', (retryAfter, seconds) => {
  vi.stubEnv('TZ', 'America/New_York');
  expect(secondsAsked(retryAfter, now)).toBe(seconds);
});
