import { Readable } from 'node:stream';
import { type Account, presentUser } from '../accounts/account.ts';
import { listActivity, listActs } from '../audit/list.ts';
import { recordEvent } from '../audit/record.ts';
import type { Page } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { LONG_LISTS, type LongList, selectEverything, selectIds, selectTold } from './queries.ts';

const PAGE = 500;
// When to come back while another export is under way, in seconds.
const WAIT = 10;
const underWay = new WeakMap<Deps['db'], Set<string>>();

/**
 * All that is stored of the caller, as JSON: profile, names, roles, sessions, devices, factors, identities, links,
 * messages, lockouts, the whole history, and what they did to others. It tells that secrets (hashes, tokens, keys) exist, but
 * not the secrets. Long lists are read a page at a time, as fast as the reader takes them. Refuses with `rate_limited` while
 * this process makes another export of the same person.
 */
export async function exportOwnData(deps: Deps, principal: UserPrincipal): Promise<Readable> {
  const { userId, account, roles, sessionId, caller } = principal;
  const exporting = exportsUnderWay(deps);
  if (exporting.has(userId)) throw new Problem('rate_limited', { retryAfter: WAIT });
  exporting.add(userId);
  try {
    await recordEvent(deps, deps.db, {
      type: 'user.exported',
      outcome: 'success',
      actor: { kind: 'user', id: userId },
      userId,
      sessionId,
      caller,
    });
    const told = {
      exported_at: deps.clock.now().toISOString(),
      user: present(account, roles),
      ...(await selectEverything(deps.db, userId)),
    };
    const document = Readable.from(documentOf(deps, userId, told), { objectMode: false });
    // The answer has begun, so it can only be broken off.
    document.once('error', (err: unknown) =>
      deps.log.error({ request_id: caller.requestId, err }, 'an export was interrupted'),
    );
    return document.once('close', () => exporting.delete(userId));
  } catch (error) {
    exporting.delete(userId);
    throw error;
  }
}

function exportsUnderWay({ db }: Deps): Set<string> {
  const known = underWay.get(db) ?? new Set();
  underWay.set(db, known);
  return known;
}

function present(account: Account, roles: readonly string[]) {
  return {
    ...presentUser(account, roles),
    disabled_at: account.disabled_at?.toISOString() ?? null,
    email_verified_at: account.email_verified_at?.toISOString() ?? null,
  };
}

/** The text of `told` with the long lists as its last members, a page at a time. */
async function* documentOf(deps: Deps, userId: string, told: object): AsyncGenerator<string> {
  yield JSON.stringify(told).slice(0, -1);
  for (const list of LONG_LISTS) yield* textOf(list, pagesOf(deps, list, userId));
  yield* textOf('activity', eventsOf(deps, userId, listActivity));
  yield* textOf('acts', eventsOf(deps, userId, listActs));
  yield '}';
}

async function* textOf(member: string, pages: AsyncIterable<readonly object[]>): AsyncGenerator<string> {
  yield `,"${member}":[`;
  let separator = '';
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield `${separator}${page.map(item => JSON.stringify(item)).join(',')}`;
    separator = ',';
  }
  yield ']';
}

async function* pagesOf({ db }: Deps, list: LongList, userId: string): AsyncGenerator<readonly object[]> {
  const ids = await selectIds(db, list, userId);
  for (let at = 0; at < ids.length; at += PAGE) yield await selectTold(db, list, ids.slice(at, at + PAGE));
}

async function* eventsOf(
  deps: Deps,
  userId: string,
  pageAt: (...asked: Parameters<typeof listActivity>) => Promise<Page<object>>,
): AsyncGenerator<readonly object[]> {
  let cursor: string | undefined;
  do {
    const page = await pageAt(deps, userId, { limit: PAGE, cursor });
    yield page.items;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
}
