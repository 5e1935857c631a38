import type { PageRequest } from './exchange.ts';

/** The pages that signing in may go on to; a longer path stands before a shorter one that it begins with. */
const OWN_PAGES = [
  '/account/password',
  '/account/sessions',
  '/account/security/authenticator',
  '/account/security/phone',
  '/account/security/passkeys',
  '/account/security',
  '/account/activity',
  '/account/data',
  '/account',
] as const;

/** Where to go on after signing in: one of our own pages, the account where it is anything else. */
export function nextPage(path: unknown): string {
  return OWN_PAGES.find(page => page === path) ?? '/account';
}

/** The sign-in page, which leads back to where the request was. */
export function signInPath(request: PageRequest): string {
  return leadingBack('/account/sign-in', request);
}

/** The page that asks for the password or a factor again, and leads back. */
export function confirmPath(request: PageRequest): string {
  return leadingBack('/account/confirm', request);
}

function leadingBack(path: string, { url }: PageRequest): string {
  const from = url.split('?', 1)[0] ?? '';
  const page = OWN_PAGES.find(own => from === own || from.startsWith(`${own}/`)) ?? '/account';
  return page === '/account' ? path : `${path}?next=${encodeURIComponent(page)}`;
}
