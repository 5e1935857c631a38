import { personName } from '../accounts/person-name.ts';

// As many characters as a profile takes.
const NAME_MAX = 100;
const FULL_NAME_MAX = 201;

export interface WholeName {
  readonly firstName: string;
  /** Empty where nothing says it. */
  readonly lastName: string;
  readonly fullName: string;
}

/**
 * The names of a person from those that are given: the full name says the two others, and what stands before the @ says the first one
 * where there is no name at all. Refuses with 422 on the member that is no name.
 */
export function wholeNameOf(
  { first, last, full }: { first: string | null; last: string | null; full: string | null },
  address: string,
): WholeName {
  // First, as the two others may come from it: the operator looks for the column that is named.
  const whole = full === null ? null : nameOf(full, 'full_name', FULL_NAME_MAX);
  const [head = '', ...tail] = (full ?? '').trim().split(/\s+/);
  const local = address.slice(0, address.lastIndexOf('@'));
  const firstName = nameOf(first ?? (head || local), 'first_name');
  const given = last ?? tail.join(' ');
  const lastName = given.trim() === '' ? '' : nameOf(given, 'last_name');
  return {
    firstName,
    lastName,
    fullName: whole ?? `${firstName} ${lastName}`.trim(),
  };
}

// Cut where it is too long: nobody should lose their account over it.
function nameOf(text: string, member: string, max = NAME_MAX): string {
  return Array.from(personName(text, member)).slice(0, max).join('').trimEnd();
}
