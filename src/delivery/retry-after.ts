/** Longer than this, in seconds, we wait for nobody: a slip of the provider's must not hold up text messages for days. */
const LONGEST = 3600;

/**
 * The seconds that a `Retry-After` asks for, in seconds or by an HTTP date (RFC 9110 §10.2.3), and an hour at most; 0 for one
 * that is over, missing or malformed.
 */
export function secondsAsked(retryAfter: string | null, now: Date): number {
  if (retryAfter === null) return 0;
  if (/^\d+$/.test(retryAfter)) return Math.min(LONGEST, Number(retryAfter));
  // `Date.parse` takes -40 for the year 2040. Only the oldest of the three forms, `Sun Nov  6 08:49:37 1994`, does not say GMT.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(retryAfter)) return 0;
  const until = Date.parse(retryAfter.endsWith(' GMT') ? retryAfter : `${retryAfter} GMT`);
  const asked = Math.ceil((until - now.getTime()) / 1000);
  return asked > 0 ? Math.min(LONGEST, asked) : 0;
}
