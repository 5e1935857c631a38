import type { Account } from '../accounts/account.ts';
import { lockAccount } from '../accounts/find.ts';
import type { EventType } from '../audit/event-type.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { decide, Refusal } from '../rbac/decide.ts';
import type { Granter } from '../rbac/granter.ts';
import { refuseOutranked } from '../rbac/set-roles.ts';

export interface Act {
  readonly userId: string;
  readonly needs: string;
  readonly lock: 'change' | 'act';
  readonly type: EventType;
}

/** The account that is acted on, and the permissions that the granter holds by then. */
export interface Target {
  readonly account: Account;
  readonly held: ReadonlySet<string>;
}

/**
 * Runs `work` on an account in one transaction, with the account locked and every grant held still. Refuses with
 * `user_not_found`, `target_outranks_caller` when the account holds what the granter lacks, and whatever `work` refuses.
 */
export function onUser<T>(
  deps: Deps,
  granter: Granter,
  { userId, needs, lock, type }: Act,
  work: (tx: Tx, target: Target) => Promise<T | Refusal>,
): Promise<T> {
  return decide<T>(deps, granter, { needs, lock, event: { type, userId } }, async (tx, held) => {
    const account = await lockAccount(tx, userId);
    if (account === null) return new Refusal('user_not_found');
    const outranked = await refuseOutranked(tx, held, userId);
    return outranked ?? work(tx, { account, held });
  });
}
