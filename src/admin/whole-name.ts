import { FULL_NAME_MAX, NAME_MAX, personName } from '../accounts/person-name.ts';

export interface WholeName {
  readonly firstName: string;
  /** Empty where none is given. */
  readonly lastName: string;
  readonly fullName: string;
}

/**
 * Completes a person's names: a missing first or last name is taken from the full name; without any, the first name is
 * the part of the address before the @. Refuses with 422 on the member that is not a name.
 */
export function wholeNameOf(
  { first, last, full }: { first: string | null; last: string | null; full: string | null },
  address: string,
): WholeName {
  // Checked first, since the other two may come from it: the error must name the column that the operator wrote.
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

// A name that is too long is cut: nobody should lose their account over it.
function nameOf(text: string, member: string, max = NAME_MAX): string {
  return Array.from(personName(text, member, Number.POSITIVE_INFINITY))
    .slice(0, max)
    .join('')
    .trimEnd();
}
