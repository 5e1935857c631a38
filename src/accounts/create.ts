import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Account } from './account.ts';
import { normalizeEmail, normalizeUsername } from './normalize.ts';
import { type AccountRow, addAccount, claimNames, dropAccount } from './queries.ts';

export { accountCtes, dropAccount } from './queries.ts';

export interface NewAccount {
  readonly email: string;
  /** Where left out, the address. */
  readonly username?: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly fullName?: string;
  readonly phoneNumber?: string | null;
  readonly emailVerified?: boolean;
  /** Where left out, `user`. */
  readonly roles?: readonly string[];
}

/** Normalises a new account and gives it an id. Refuses an invalid address or username with 422 on `email` or `username`. */
export function prepareAccount(
  { clock, random }: Pick<Deps, 'clock' | 'random'>,
  account: NewAccount,
): AccountRow {
  const own = normalizeEmail(account.email);
  const { address, key } = own;
  const named = account.username === undefined ? null : normalizeUsername(account.username, own);
  const now = clock.now();
  return {
    id: random.uuid(),
    email: address,
    key,
    username: named?.username ?? address,
    usernameKey: named?.key ?? key,
    firstName: account.firstName,
    lastName: account.lastName,
    fullName: account.fullName ?? `${account.firstName} ${account.lastName}`.trim(),
    phoneNumber: account.phoneNumber ?? null,
    emailVerifiedAt: account.emailVerified === true ? now : null,
    roles: account.roles ?? ['user'],
    now,
  };
}

/**
 * Creates an account with its names and roles. If several callers want one name at once, the primary key of `identifiers`
 * lets one through; the others are told which name is taken, and leave nothing behind.
 */
export async function createAccount(
  deps: Pick<Deps, 'clock' | 'random'>,
  tx: Tx,
  account: NewAccount,
): Promise<Account | 'email_taken' | 'username_taken'> {
  const row = prepareAccount(deps, account);
  const created = await addAccount(tx, row);
  const claimed = await claimNames(tx, row);
  const taken = !claimed.includes(row.key)
    ? 'email_taken'
    : claimed.includes(row.usernameKey)
      ? null
      : 'username_taken';
  if (taken === null) return created;
  await dropAccount(tx, row.id);
  return taken;
}
