import type { Account } from '../accounts/account.ts';
import { dropAccount } from '../accounts/create.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { erasePerson } from '../audit/personal-fields.ts';
import { recordEvent } from '../audit/record.ts';
import { fewAnHour } from '../delivery/an-hour.ts';
import { enqueueMail, insertMail, prepareMail } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { sql } from '../platform/sql.ts';
import { decide, Refusal } from '../rbac/decide.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { refuseLastAdministrator } from '../rbac/set-roles.ts';
import { type EndedSession, endSessionsOf, publishEnded } from '../sessions/end.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';

/**
 * Removes an account and all that belongs to it, inside `decide`: its sessions end, its names become free, the secret of its
 * personal fields in the audit trail is deleted, and its owner gets a last mail. Returns the ended sessions for `publishEnded`.
 */
export async function removeAccount(
  deps: Deps,
  tx: Tx,
  { account, granter }: { account: Account; granter: Granter },
): Promise<readonly EndedSession[]> {
  const actor = actorOf(granter);
  const { caller } = granter;
  const userId = account.id;
  const ended = await endSessionsOf(deps, tx, { userId, reason: 'account_closed', actor, caller });
  await tellOwner(deps, tx, account);
  await dropAccount(tx, userId);
  await erasePerson(deps, tx, userId);
  // After the erasure, so that nothing personal comes after it.
  await recordEvent(deps, tx, { type: 'user.deleted', outcome: 'success', actor, userId, caller });
  return ended;
}

// An unproven mailbox may be a stranger's, and nobody must be able to fill it by making accounts on it and closing them.
async function tellOwner(
  deps: Deps,
  tx: Tx,
  { email, first_name, email_verified_at }: Account,
): Promise<void> {
  const template = 'account-closed';
  if (email_verified_at !== null)
    return enqueueMail(deps, tx, { template, to: email, params: { name: first_name } });
  const turn = fewAnHour(deps, { template, addressKey: normalizeEmail(email).key });
  await tx.run(
    sql`with turn as (${turn}) ${insertMail(prepareMail(deps, { template, to: email }), sql`turn`)}`,
  );
  wakeDelivery(deps.db);
}

/** Closes the caller's own account for good. Refuses with `token_revoked` and `last_administrator`. */
export async function closeOwnAccount(deps: Deps, principal: UserPrincipal): Promise<void> {
  const { userId } = principal;
  const ended = await decide(
    deps,
    principal,
    { lock: 'change', event: { type: 'user.deleted', userId } },
    async tx => {
      // `decide` has checked the session too, but perhaps before a transaction that takes the account back released it.
      const account = await lockOwnAccount(tx, principal);
      if (account === null) return new Refusal('token_revoked');
      const last = await refuseLastAdministrator(tx, account);
      return last ?? removeAccount(deps, tx, { account, granter: principal });
    },
  );
  await publishEnded(deps, ended);
}
