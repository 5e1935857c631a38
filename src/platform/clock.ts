/** What time it is. Tests hand in one that they move; nothing else in the program asks the machine. */
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

/**
 * The instant that an RFC 3339 text names, in the years 1 to 9999, which the wire and the database both can hold; null for
 * any other, and for leap seconds, which neither can.
 */
export function readInstant(text: string): Date | null {
  const at = new Date(text);
  const year = at.getUTCFullYear();
  return year >= 1 && year <= 9999 ? at : null;
}
