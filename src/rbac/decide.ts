import type { EventType } from '../audit/event-type.ts';
import { type AuditEvent, recordEvent } from '../audit/record.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem, type ProblemCode, type ProblemOptions } from '../platform/problems.ts';
import { actorOf, type Granter } from './granter.ts';
import {
  clientMayStillAct,
  lockGrants,
  mayStillAct,
  readClientPermissions,
  readPresentPermissions,
} from './queries.ts';

/** A verdict: what was asked for is refused, for this reason. */
export class Refusal {
  readonly code: ProblemCode;
  readonly options: ProblemOptions;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    this.code = code;
    this.options = options;
  }
}

export interface Matter {
  /** The permission that the route requires, checked again under the lock; left out for the caller's own account. */
  readonly needs?: string;
  /**
   * `change`, held by one transaction at a time: grants, or who is an administrator, may differ afterwards. `act`: they only
   * must not change meanwhile.
   */
  readonly lock: 'change' | 'act';
  /** What the audit trail calls a refusal. */
  readonly event: {
    readonly type: EventType;
    readonly userId?: string;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}

/**
 * Runs `work` in one transaction during which nobody else changes any grant, with the permissions that the granter holds
 * under that lock: if two administrators demote each other at once, one comes after the other. A Refusal that `work` returns
 * is recorded, and thrown as its Problem after the commit; `work` must not have written anything before returning one.
 */
export async function decide<T>(
  deps: Deps,
  granter: Granter,
  { needs, lock, event }: Matter,
  work: (tx: Tx, held: ReadonlySet<string>) => Promise<T | Refusal>,
): Promise<T> {
  const verdict = await deps.db.transaction(async tx => {
    await lockGrants(tx, lock);
    const held = await presentPermissions(tx, granter);
    const outcome =
      held === null
        ? new Refusal('token_revoked')
        : needs !== undefined && !held.has(needs)
          ? new Refusal('permission_denied', { members: { permission: needs } })
          : await work(tx, held);
    if (outcome instanceof Refusal) {
      await recordEvent(deps, tx, {
        ...event,
        outcome: 'refusal',
        reason: outcome.code,
        actor: actorOf(granter),
        caller: granter.caller,
      });
    }
    return outcome;
  });
  if (verdict instanceof Refusal) throw new Problem(verdict.code, verdict.options);
  return verdict;
}

/** Records what the granter has done, in the transaction that did it. */
export function recordDone(
  deps: Deps,
  tx: Tx,
  granter: Granter,
  event: Omit<AuditEvent, 'outcome' | 'actor' | 'caller'>,
): Promise<void> {
  const { caller } = granter;
  return recordEvent(deps, tx, { ...event, outcome: 'success', actor: actorOf(granter), caller });
}

// The permissions that the granter was let in with, minus those lost since; null for a user disabled or logged out since, a
// client that is gone, and a token that is revoked.
async function presentPermissions(tx: Tx, granter: Granter): Promise<ReadonlySet<string> | null> {
  if (granter.kind === 'operator') return granter.permissions;
  const stands = await (granter.kind === 'user' ? mayStillAct(tx, granter) : clientMayStillAct(tx, granter));
  if (!stands) return null;
  const held = await (granter.kind === 'user'
    ? readPresentPermissions(tx, granter)
    : readClientPermissions(tx, granter.clientId));
  return new Set(held.filter(permission => granter.permissions.has(permission)));
}
