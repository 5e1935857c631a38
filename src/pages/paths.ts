import type { PageRequest } from './exchange.ts';

/** The pages that signing in may lead to; a longer path stands before a shorter one that it begins with. */
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

// Makes the page that signing in leads back to say that the form was not sent.
const UNSENT = '?done=unsent';

/** Where to go on after signing in: one of our own pages, or else the account. */
export function nextPage(path: unknown): string {
  return OWN_PAGES.flatMap(page => [page, page + UNSENT]).find(page => page === path) ?? '/account';
}

/** Whether somebody was led away from a form that they had sent, so that nothing came of it. */
export function isUnsent(next: string): boolean {
  return next.endsWith(UNSENT);
}

/** The sign-in page, which leads back to where the request was. */
export function signInPath(request: PageRequest): string {
  return leadingBack('/account/sign-in', request);
}

/** The page that asks for the password or a factor again, and leads back. */
export function confirmPath(request: PageRequest): string {
  return leadingBack('/account/confirm', request);
}

function leadingBack(path: string, { method, url }: PageRequest): string {
  const from = url.split('?', 1)[0] ?? '';
  const page = OWN_PAGES.find(own => from === own || from.startsWith(`${own}/`)) ?? '/account';
  return withNext(path, method === 'POST' ? page + UNSENT : page);
}

/** The path of a page of signing in that leads on to `next`. */
export function withNext(path: string, next: string): string {
  return next === '/account' ? path : `${path}?next=${encodeURIComponent(next)}`;
}
