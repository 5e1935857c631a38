import { toldName } from '../accounts/told-name.ts';
import { recordEvent } from '../audit/record.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { identityId } from './identities.ts';
import { providerName } from './provider.ts';
import { deleteIdentity, selectIdentities } from './queries.ts';

/**
 * Unlinks a provider's account and tells the owner. Refuses with `identity_not_found`, and with `last_way_in` where no
 * password, passkey or other identity is left: two removals at once cannot each count on what the other removes.
 */
export async function unlinkIdentity(deps: Deps, principal: UserPrincipal, id: string): Promise<void> {
  const { userId, sessionId, caller } = principal;
  const refusal = await deps.db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return 'token_revoked';
    const found = (await selectIdentities(tx, userId)).find(row => identityId(row) === id.toLowerCase());
    if (found === undefined) return 'identity_not_found';
    if ((await deleteIdentity(tx, { ...found, userId })) === 0) return 'last_way_in';
    await recordEvent(deps, tx, {
      type: 'identity.unlinked',
      outcome: 'success',
      reason: found.provider,
      actor: actorOf(principal),
      userId,
      sessionId,
      caller,
    });
    await enqueueMail(deps, tx, {
      template: 'identity-unlinked',
      to: account.email,
      userId,
      params: {
        ...toldName(account),
        provider: providerName(deps.config, found.provider),
        ...whereOf(caller, deps.clock.now()),
      },
    });
    return null;
  });
  if (refusal !== null) throw new Problem(refusal);
}
