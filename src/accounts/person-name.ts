import { invalid } from '../platform/problems.ts';

// Beside controls and line breaks, the characters that change the direction of the text around them, in a mail or on a page:
// overrides, embeddings and isolates (UAX #9). Joiners and marks stay: Persian and Hindi names are spelled with them.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u;

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\s]/gu;

/** The most characters that a first or a last name has, and those of the two together. */
export const NAME_MAX = 100;
export const FULL_NAME_MAX = 201;

/**
 * A person's name, trimmed and after NFC. Refuses with 422 on `member` if nothing is seen of it, if it has more than `max`
 * characters, or for control characters.
 */
export function personName(text: string, member: string, max = NAME_MAX): string {
  const name = text.normalize('NFC').trim();
  if (name.replaceAll(INVISIBLE, '') === '')
    throw invalid(member, 'string_too_short', 'String should have at least 1 character');
  if (Array.from(name).length > max)
    throw invalid(member, 'string_too_long', `String should have at most ${max} characters`);
  if (UNPRINTABLE.test(name)) throw invalid(member, 'value_error', 'Leave out control characters.');
  return name;
}

/** A name that another program took: on one line, without what `personName` refuses; null if nothing is seen of it. */
export function nameFromElsewhere(text: string): string | null {
  const name = printable(text.replaceAll(/[\t-\r\u0085\u2028\u2029]+/g, ' ')).trim();
  return name.replaceAll(INVISIBLE, '') === '' ? null : name;
}

/** A text that came from elsewhere, without the characters that `personName` refuses. */
export function printable(text: string): string {
  return text.replaceAll(new RegExp(UNPRINTABLE, 'gu'), '');
}
