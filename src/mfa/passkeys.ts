import type { Static } from 'typebox';
import type { Deps } from '../platform/deps.ts';
import { invalid, Problem } from '../platform/problems.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { deletePasskey, type PasskeyRow, renameRow, selectPasskeys } from './passkey-queries.ts';
import type { passkeyBody } from './passkey-schemas.ts';
import { tellOfFactor } from './tell-of-factor.ts';

export type PasskeyBody = Static<typeof passkeyBody>;

/** The caller's passkeys, the oldest first. */
export async function listPasskeys(
  { db }: Pick<Deps, 'db'>,
  { userId }: Pick<UserPrincipal, 'userId'>,
): Promise<PasskeyBody[]> {
  return (await selectPasskeys(db, userId)).map(presentPasskey);
}

/** Gives one of the caller's passkeys another name. Refuses with `factor_not_found`. */
export async function renamePasskey(
  { db }: Deps,
  principal: UserPrincipal,
  { id, name }: { id: string; name: string },
): Promise<PasskeyBody> {
  const given = passkeyName(name);
  const renamed = await db.transaction(async tx => {
    if ((await lockOwnAccount(tx, principal)) === null) return 'token_revoked';
    return (await renameRow(tx, { id, userId: principal.userId, name: given })) ?? 'factor_not_found';
  });
  if (typeof renamed === 'string') throw new Problem(renamed);
  return presentPasskey(renamed);
}

/**
 * Removes one of the caller's passkeys and tells them. Refuses with `factor_not_found`, and with `last_way_in` where no
 * password, identity or other passkey is left: two removals at once cannot both leave the other one.
 */
export async function removePasskey(deps: Deps, principal: UserPrincipal, id: string): Promise<void> {
  const { userId } = principal;
  const refusal = await deps.db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return 'token_revoked';
    const removed = await deletePasskey(tx, { id, userId });
    if (removed === null) {
      const own = await selectPasskeys(tx, userId);
      return own.some(row => row.id === id.toLowerCase()) ? 'last_way_in' : 'factor_not_found';
    }
    await tellOfFactor(deps, tx, { ...principal, account }, 'removed', 'passkey');
    return null;
  });
  if (refusal !== null) throw new Problem(refusal);
}

/** A name that a person gave; 422 for one that is blank or cannot be shown. */
export function passkeyName(name: string): string {
  const trimmed = name.normalize('NFC').trim();
  if (trimmed === '' || /\p{Cc}/u.test(trimmed))
    throw invalid('name', 'invalid_name', 'Give the passkey a name.');
  return trimmed;
}

/** A passkey as its owner sees it. */
export function presentPasskey({ id, name, credential, created_at, last_used_at }: PasskeyRow): PasskeyBody {
  return {
    id,
    name,
    aaguid: credential.aaguid,
    transports: [...credential.transports],
    device_type: credential.device_type === 'multiDevice' ? 'multi_device' : 'single_device',
    backed_up: credential.backed_up,
    created_at: created_at.toISOString(),
    last_used_at: last_used_at?.toISOString() ?? null,
  };
}
