/** Tells the time. Tests pass in a clock that they move; nothing else in the program asks the machine. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** The instant `seconds` after `from` (before it when negative). */
export function addSeconds(from: Date, seconds: number): Date {
  return new Date(from.getTime() + seconds * 1000);
}

/** Whole seconds since the Unix epoch, rounded down: a NumericDate (RFC 7519 §2). */
export function numericDate(at: Date): number {
  return Math.floor(at.getTime() / 1000);
}

// Tokens that are signed in the same second mostly end in the same one.
let written = { second: 0, text: new Date(0).toISOString() };

/** The RFC 3339 text of a NumericDate of whole seconds. */
export function textOfSecond(second: number): string {
  if (second !== written.second) written = { second, text: new Date(second * 1000).toISOString() };
  return written.text;
}

/**
 * The instant that an RFC 3339 text names, within the years 1 to 9999, which both the wire and the database can hold; null for
 * any other text, and for leap seconds, which neither can hold.
 */
export function readInstant(text: string): Date | null {
  const at = new Date(text);
  const year = at.getUTCFullYear();
  return year >= 1 && year <= 9999 ? at : null;
}

/** Whether there is such a day as `2026-02-28`: `Date` takes 30 February for 2 March. */
export function isDay(date: string): boolean {
  const at = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(date);
}
