import { invalid } from '../platform/problems.ts';

/** A name of a person, trimmed and after NFC. Refuses with 422 on `member` what is empty or has control characters. */
export function personName(text: string, member: string): string {
  const name = text.normalize('NFC').trim();
  if (name === '') throw invalid(member, 'string_too_short', 'String should have at least 1 character');
  if (/\p{Cc}/u.test(name)) throw invalid(member, 'value_error', 'Leave out control characters.');
  return name;
}
