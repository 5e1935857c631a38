import { type Account, presentUser } from '../accounts/account.ts';
import { listActivity } from '../audit/list.ts';
import type { EventBody } from '../audit/present.ts';
import { recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { selectEverything } from './queries.ts';

const PAGE = 500;

/**
 * All that is stored of the caller: profile, names, roles, sessions, devices, factors, identities, links, messages,
 * lockouts and the whole history. Secrets (hashes, tokens, keys) are not told; that they exist is.
 */
export async function exportOwnData(deps: Deps, principal: UserPrincipal): Promise<Record<string, unknown>> {
  const { userId, account, roles, sessionId, caller } = principal;
  await recordEvent(deps, deps.db, {
    type: 'user.exported',
    outcome: 'success',
    actor: { kind: 'user', id: userId },
    userId,
    sessionId,
    caller,
  });
  const stored = await selectEverything(deps.db, userId);
  return {
    exported_at: deps.clock.now().toISOString(),
    user: present(account, roles),
    ...stored,
    activity: await wholeActivity(deps, userId),
  };
}

function present(account: Account, roles: readonly string[]) {
  return {
    ...presentUser(account, roles),
    disabled_at: account.disabled_at?.toISOString() ?? null,
    email_verified_at: account.email_verified_at?.toISOString() ?? null,
  };
}

async function wholeActivity(deps: Deps, userId: string): Promise<EventBody[]> {
  const events: EventBody[] = [];
  let cursor: string | undefined;
  do {
    const page = await listActivity(deps, userId, { limit: PAGE, cursor });
    events.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return events;
}
