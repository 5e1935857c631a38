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
