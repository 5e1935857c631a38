import { recordEvent } from '../audit/record.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { actorOf } from '../rbac/granter.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import type { FactorKind } from './queries.ts';

const EVENTS = { added: 'mfa.enabled', removed: 'mfa.disabled' } as const;
const PASSKEY_EVENTS = { added: 'passkey.added', removed: 'passkey.removed' } as const;

/**
 * Records that a factor of the caller was added or removed, and mails its owner, in the transaction that did it.
 * `principal.account` must be as read under its lock: its address may have changed since the request was let in.
 */
export async function tellOfFactor(
  deps: Deps,
  tx: Tx,
  principal: UserPrincipal,
  change: 'added' | 'removed',
  factor: FactorKind | 'passkey',
): Promise<void> {
  const { account, userId, sessionId, caller } = principal;
  await recordEvent(deps, tx, {
    ...(factor === 'passkey' ? { type: PASSKEY_EVENTS[change] } : { type: EVENTS[change], reason: factor }),
    outcome: 'success',
    actor: actorOf(principal),
    userId,
    sessionId,
    caller,
  });
  await enqueueMail(deps, tx, {
    template: `factor-${change}`,
    to: account.email,
    userId,
    params: { factor, ...whereOf(caller, deps.clock.now()) },
  });
}
