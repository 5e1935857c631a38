import { timingSafeEqual } from 'node:crypto';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';

const NONCE_BYTES = 24;
const NONCE = /^[\w-]{32}$/;

type TokenDeps = Pick<Deps, 'config' | 'random' | 'secrets'>;

/**
 * The hidden token of this browser's forms: an HMAC of a cookie that it alone has, which is set where it has none yet
 * (a signed double-submit cookie; ASVS 3.5.1).
 */
export function formTokenOf(deps: TokenDeps, request: PageRequest, reply: PageReply): string {
  const known = readCookie(deps.config, request.headers.cookie, 'form');
  const nonce =
    known !== null && NONCE.test(known) ? known : deps.random.bytes(NONCE_BYTES).toString('base64url');
  if (nonce !== known) reply.header('set-cookie', writeCookie(deps.config, 'form', nonce, null));
  return macOf(deps, nonce).toString('base64url');
}

/**
 * Refuses with `form_refused` a form that was not sent from our own page: by `Sec-Fetch-Site`, else by `Origin`, and in
 * any case without the token of this browser.
 */
export function requireOwnForm(deps: TokenDeps, request: PageRequest): void {
  if (!isSameOrigin(deps, request)) throw new Problem('form_refused');
  requireFormToken(deps, request, (request.body as { form_token?: unknown } | undefined)?.form_token);
}

/** Refuses with `form_refused` what does not carry the token of this browser: for a link that begins something. */
export function requireFormToken(deps: TokenDeps, request: PageRequest, sent: unknown): void {
  const nonce = readCookie(deps.config, request.headers.cookie, 'form');
  if (nonce === null || !NONCE.test(nonce) || typeof sent !== 'string') throw new Problem('form_refused');
  const given = Buffer.from(sent, 'base64url');
  const right = deps.secrets
    .macs('cookie', `form\0${nonce}`)
    .some(mac => mac.length === given.length && timingSafeEqual(mac, given));
  if (!right) throw new Problem('form_refused');
}

// Under `Referrer-Policy: no-referrer` browsers send `Origin: null`, so Sec-Fetch-Site comes first (Fetch §3.2.2).
function isSameOrigin({ config }: TokenDeps, { headers }: PageRequest): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = headers;
  if (origin === undefined || origin === 'null') return true;
  const host = URL.parse(origin)?.host;
  return origin === new URL(config.http.publicUrl).origin || (host !== undefined && host === headers.host);
}

function macOf({ secrets }: TokenDeps, nonce: string): Buffer {
  return secrets.mac('cookie', `form\0${nonce}`);
}
