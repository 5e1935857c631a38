import { addSeconds } from '../platform/clock.ts';
import type { Sql, Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import type { Account } from './account.ts';
import { normalizeEmail } from './normalize.ts';
import {
  claimKey,
  findReserved,
  holderOf,
  lockNames,
  reserveAddress,
  returnTo,
  selectReserved,
  writeAddress,
} from './profile-queries.ts';

export { setPendingEmail } from './profile-queries.ts';
export { clearPendingEmail, markEmailVerified } from './queries.ts';

/** How long a former address is kept for its owner, in seconds. */
export const ADDRESS_KEPT = 72 * 3600;

type ClockDeps = Pick<Deps, 'clock'>;

/** The other account that has an address, or for which it is kept; null where it is free for `userId`. */
export async function otherHolder(
  { clock }: ClockDeps,
  database: Sql,
  { userId, address }: { userId: string; address: string },
): Promise<{ userId: string; email: string; current: boolean } | null> {
  const found = await holderOf(database, normalizeEmail(address).key, clock.now());
  if (found === null || found.user_id === userId) return null;
  return { userId: found.user_id, email: found.email, current: found.kind === 'email' };
}

/**
 * Puts a proven address in place of the present one, which is kept for its owner for 72 hours. Throws `address_taken`
 * inside the transaction when somebody else was faster, so that everything is rolled back.
 */
export async function replaceAddress(
  { clock }: ClockDeps,
  tx: Tx,
  { account, address }: { account: Account; address: string },
): Promise<Account> {
  const now = clock.now();
  const { key } = normalizeEmail(address);
  await lockNames(tx);
  // Another spelling of the same address needs no other key.
  if (key !== normalizeEmail(account.email).key) {
    await reserveAddress(tx, account.id, addSeconds(now, ADDRESS_KEPT));
    const claimed = await claimKey(tx, { userId: account.id, key, kind: 'email', now });
    if (!claimed) throw new Problem('address_taken');
  }
  return (await writeAddress(tx, { userId: account.id, address, verifiedAt: now, now })) as Account;
}

/** The keys of the former addresses that are kept for an account. */
export async function keptAddresses(
  { clock }: ClockDeps,
  tx: Tx,
  userId: string,
): Promise<ReadonlySet<string>> {
  return new Set(await selectReserved(tx, userId, clock.now()));
}

/**
 * Puts a former address back, verified only if it was before. Every address that came after it is free again; those that came
 * before it stay kept for their owner as long as they were, since the restored one may itself be a thief's. An address that
 * was never verified stays so, although its owner has just read a mail: somebody else may have set the account up, and it is
 * the mailed reset that takes the account from them with all that they set (docs/accounts.md). Null when the address is no
 * longer kept.
 */
export async function restoreAddress(
  { clock }: ClockDeps,
  tx: Tx,
  { account, address }: { account: Account; address: string },
): Promise<Account | null> {
  const now = clock.now();
  const { key } = normalizeEmail(address);
  await lockNames(tx);
  let verifiedAt = account.email_verified_at;
  if (key !== normalizeEmail(account.email).key) {
    const reserved = await findReserved(tx, account.id, key, now);
    if (reserved === null) return null;
    verifiedAt = reserved.verified_at;
    await returnTo(tx, account.id, key);
  }
  return writeAddress(tx, { userId: account.id, address, verifiedAt, now });
}
