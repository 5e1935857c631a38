import { timingSafeEqual } from 'node:crypto';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';

const NONCE_BYTES = 24;
const NONCE = /^[\w-]{32}$/;
// The account whose page the form is on comes before the MAC; it is missing where nobody is signed in.
const TOKEN = /^(?:([\da-f-]{36})\.)?([\w-]+)$/;

type TokenDeps = Pick<Deps, 'config' | 'random' | 'secrets'>;

/** The account whose page a request is answered with, as `requireOwnPage` found it. */
const owners = new WeakMap<PageRequest, string>();

/**
 * The hidden token of this browser's forms: an HMAC of a cookie that this browser alone has, which is set where it is
 * missing (a signed double-submit cookie; ASVS 3.5.1), and of the account that the page shows. Call the result only
 * when the page is written, since the account may become known later than the cookie.
 */
export function formTokenOf(deps: TokenDeps, request: PageRequest, reply: PageReply): () => string {
  const known = readCookie(deps.config, request.headers.cookie, 'form');
  const nonce =
    known !== null && NONCE.test(known) ? known : deps.random.bytes(NONCE_BYTES).toString('base64url');
  if (nonce !== known) reply.header('set-cookie', writeCookie(deps.config, 'form', nonce, null));
  return () => {
    const owner = owners.get(request);
    const mac = deps.secrets.mac('cookie', signed(nonce, owner)).toString('base64url');
    return owner === undefined ? mac : `${owner}.${mac}`;
  };
}

/**
 * Refuses with `form_refused` a form that was not sent from our own page, judged by `Sec-Fetch-Site`, else by `Origin`,
 * and any form without the token of this browser.
 */
export function requireOwnForm(deps: TokenDeps, request: PageRequest): void {
  if (!isSameOrigin(deps, request)) throw new Problem('form_refused');
  requireFormToken(deps, request, sentIn(request.body));
}

/** Refuses with `form_refused` a request without the token of this browser; used alone for a link that begins something. */
export function requireFormToken(deps: TokenDeps, request: PageRequest, sent: unknown): void {
  const nonce = readCookie(deps.config, request.headers.cookie, 'form');
  const [, owner, code] = (typeof sent === 'string' && TOKEN.exec(sent)) || [];
  if (nonce === null || !NONCE.test(nonce) || code === undefined) throw new Problem('form_refused');
  const given = Buffer.from(code, 'base64url');
  const right = deps.secrets
    .macs('cookie', signed(nonce, owner))
    .some(mac => mac.length === given.length && timingSafeEqual(mac, given));
  if (!right) throw new Problem('form_refused');
}

/**
 * Refuses with `form_refused` what was sent from the page of another account than the one that is signed in by now: a
 * tab that was left open would change the wrong account. The answer to this request becomes a page of `account`.
 */
export function requireOwnPage(request: PageRequest, account: string): void {
  const token = sentIn(request.body) ?? sentIn(request.query);
  const [, owner = account] = (typeof token === 'string' && TOKEN.exec(token)) || [];
  if (owner !== account) throw new Problem('form_refused');
  owners.set(request, account);
}

const sentIn = (members: unknown) => (members as { form_token?: unknown } | null | undefined)?.form_token;

const signed = (nonce: string, owner = '') => `form\0${nonce}${owner && `\0${owner}`}`;

// Under `Referrer-Policy: no-referrer` browsers send `Origin: null`, so Sec-Fetch-Site comes first (Fetch §3.2.2).
function isSameOrigin({ config }: TokenDeps, { headers }: PageRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = headers;
  if (origin === undefined || origin === 'null') return true;
  const host = URL.parse(origin)?.host;
  return origin === new URL(config.http.publicUrl).origin || (host !== undefined && host === headers.host);
}
