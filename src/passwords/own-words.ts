import type { Account } from '../accounts/account.ts';

/** What is known of the person whose password it is. */
export interface Owner {
  readonly email?: string | null | undefined;
  readonly username?: string | null | undefined;
  readonly names?: readonly (string | null | undefined)[] | undefined;
}

/** What an account tells of its owner. */
export function ownerOf(account: Pick<Account, 'email' | 'username' | 'first_name' | 'last_name'>): Owner {
  return {
    email: account.email,
    username: account.username,
    names: [account.first_name, account.last_name],
  };
}

const SERVICE_WORDS = ['entrecore'];
const WORD_MIN = 3;
const REST_MIN = 5;

/** The words that an attacker would try first: the address and its parts, the username, the names, the service's name. */
export function ownWords({ email, username, names = [] }: Owner): string[] {
  const texts = [email, username, ...names].filter(text => typeof text === 'string').map(fold);
  const parts = texts.flatMap(text => [text, ...text.split(/[^\p{L}\p{N}]+/u)]);
  const words = new Set([...parts, ...SERVICE_WORDS].filter(word => Array.from(word).length >= WORD_MIN));
  return [...words].sort((a, b) => b.length - a.length);
}

/**
 * Whether a password is little more than the owner's own words: they make up half of it or more, and what is left has
 * under five characters or no letter. A name inside a longer password is no weakness.
 */
export function isMostlyOwnWords(password: string, owner: Owner): boolean {
  const whole = fold(password);
  let rest = whole;
  for (const word of ownWords(owner)) rest = rest.replaceAll(word, '');
  const [wholeLength, restLength] = [Array.from(whole).length, Array.from(rest).length];
  if (restLength === wholeLength || restLength * 2 > wholeLength) return false;
  return restLength < REST_MIN || !/\p{L}/u.test(rest);
}

// Compatibility forms, case and accents are what people vary first.
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase();
}
