import { domainToASCII, domainToUnicode } from 'node:url';
import { invalid, Problem } from '../platform/problems.ts';

export interface NormalizedAddress {
  /** As it is stored and mail is sent to it: NFKC, the domain as A-labels in lower case. */
  readonly address: string;
  /**
   * The key that an account holds it by: case-folded as a whole, so broadly that nobody can have an address that looks like
   * another's (ß and ss, ı and i). Whether two addresses are one mailbox is a narrower question: `isSameAddress`.
   */
  readonly key: string;
}

const LOCAL_PART = /^[^\s@<>()[\],;:\\"\p{C}]{1,64}$/u;
// Characters at which a URL would end its host, or which it would decode or drop, making another domain of it.
const FOREIGN_TO_DOMAINS =
  /[^a-z0-9.\-\u0080-\u{10ffff}]|\s|(?![\u200c\u200d])\p{Default_Ignorable_Code_Point}/iu;
const DOMAIN = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** An address after NFKC, with its domain as A-labels (RFC 5890), validated after normalising. Refuses with 422 on `email`. */
export function normalizeEmail(text: string): NormalizedAddress {
  const composed = text.normalize('NFKC').trim();
  const at = composed.lastIndexOf('@');
  const local = composed.slice(0, at);
  const given = composed.slice(at + 1);
  const domain = domainToASCII(given).toLowerCase();
  const address = `${local}@${domain}`;
  const dots = local.startsWith('.') || local.endsWith('.') || local.includes('..');
  if (
    at < 1 ||
    dots ||
    address.length > 254 ||
    !LOCAL_PART.test(local) ||
    FOREIGN_TO_DOMAINS.test(given) ||
    !DOMAIN.test(domain) ||
    !domain.includes('.') ||
    /\.\d+$/.test(domain) ||
    // An A-label that decodes to nothing.
    domainToUnicode(domain).includes('xn--')
  ) {
    throw invalid('email', 'value_error', 'This is not a valid email address.');
  }
  return { address, key: foldCase(address) };
}

/** Whether `normalizeEmail` accepts a text as an address. */
export function isAddress(text: string): boolean {
  try {
    normalizeEmail(text);
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return false;
  }
}

/**
 * Whether two addresses are one mailbox (docs/accounts.md): after NFKC, with domains as A-labels, ignoring case. Proving an
 * address proves no other with the same key: straße@ and strasse@, or admın@ and admin@, may belong to two people.
 */
export function isSameAddress(one: string, other: string): boolean {
  return mailbox(one) === mailbox(other);
}

function mailbox(text: string): string {
  return normalizeEmail(text).address.toLowerCase();
}

// Letters, marks, digits, punctuation and symbols of any script, and single spaces inside; nothing invisible.
const USERNAME =
  /^(?!.*\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u;
const USERNAME_MIN = 3;
const USERNAME_MAX = 150;

/**
 * A username after NFKC, and its key for comparison; null where it is the account's own address, which the username then
 * follows. Refuses with 422 on `username` any other name with an `@`, and one that is too short (under `shortest`
 * characters), too long or has invisible characters.
 */
export function normalizeUsername(
  text: string,
  own: NormalizedAddress,
  shortest = USERNAME_MIN,
): { username: string; key: string } | null {
  const username = text.normalize('NFKC').trim();
  if (username.includes('@')) {
    if (normalizeLogin(username) === own.key) return null;
    throw invalid('username', 'value_error', 'A username with an @ can only be your own address.');
  }
  const length = Array.from(username).length;
  if (length < shortest)
    throw invalid('username', 'string_too_short', `String should have at least ${shortest} characters`);
  if (length > USERNAME_MAX)
    throw invalid('username', 'string_too_long', `String should have at most ${USERNAME_MAX} characters`);
  if (!USERNAME.test(username)) throw invalid('username', 'value_error', 'Leave out invisible characters.');
  return { username, key: foldCase(username) };
}

/** The key by which a username or an address typed at login is looked up; never refuses. */
export function normalizeLogin(text: string): string {
  const name = text.normalize('NFKC').trim();
  try {
    // The @ is looked for after NFKC: some keyboards write another form of it.
    return name.includes('@') ? normalizeEmail(name).key : foldCase(name);
  } catch {
    return foldCase(name);
  }
}

/** Case folding for comparison, by way of upper case, so that several lower-case forms become one (ß, ẞ and SS; σ and ς). */
export function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().normalize('NFKC');
}
