import type { Config } from '../platform/config.ts';
import { readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';

type Http = { readonly config: { readonly http: Pick<Config['http'], 'publicUrl'> } };

/** How long the browser may take from an action to the page that tells of it, in seconds. */
const AGE = 60;
const MARK = '?done=';

/**
 * Leads on to one of our own pages. The message in its address (`?done=`) goes along in a cookie, which that page takes: so a
 * reload does not tell it again, and no link makes a page tell that something was done. (A link to the sign-in page can make it
 * lead to a page that tells of a form that was not sent.)
 */
export function leadOn<Answer>(
  { config }: Http,
  reply: PageReply & { redirect(url: string, code: number): Answer },
  to: string,
): Answer {
  const [path = to] = to.split(MARK);
  if (path !== to) reply.header('set-cookie', writeCookie(config, 'done', to, AGE));
  return reply.redirect(path, 303);
}

/** What the page that is asked for is to tell, by its name in the catalogue; null where there is nothing. Tells it once. */
export function takeMessage(
  { config }: Http,
  { method, url, headers }: PageRequest,
  reply: PageReply,
): string | null {
  const [path, done] = readCookie(config, headers.cookie, 'done')?.split(MARK) ?? [];
  if (method !== 'GET' || done === undefined || path !== url.split('?', 1)[0]) return null;
  reply.header('set-cookie', writeCookie(config, 'done', '', 0));
  return done;
}
