import { Readable } from 'node:stream';
import { type Account, presentUser } from '../accounts/account.ts';
import { listActivity } from '../audit/list.ts';
import { recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { selectEverything } from './queries.ts';

const PAGE = 500;
// When to come back while one is under way, in seconds.
const WAIT = 10;
const underWay = new WeakMap<Deps['db'], Set<string>>();

/**
 * All that is stored of the caller, as JSON: profile, names, roles, sessions, devices, factors, identities, links,
 * messages, lockouts and the whole history. Secrets (hashes, tokens, keys) are not told; that they exist is. The history
 * may be long, so it is read a page at a time, as fast as the reader takes it. Refuses with `rate_limited` while another
 * of the same person is under way.
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
    const document = Readable.from(withActivity(deps, userId, told), { objectMode: false });
    // The answer has begun, so all that can be done is to break it off.
    document.once('error', (err: unknown) => deps.log.error({ err }, 'an export broke off'));
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

/** The text of `told` with the whole history as its last member, a page at a time. */
async function* withActivity(deps: Deps, userId: string, told: object): AsyncGenerator<string> {
  yield `${JSON.stringify(told).slice(0, -1)},"activity":[`;
  let separator = '';
  let cursor: string | undefined;
  do {
    const page = await listActivity(deps, userId, { limit: PAGE, cursor });
    const events = page.items.map(event => JSON.stringify(event)).join(',');
    if (events !== '') yield `${separator}${events}`;
    separator = ',';
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  yield ']}';
}
