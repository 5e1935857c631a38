import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { allValid, Problem } from '../platform/problems.ts';
import type { Account } from './account.ts';
import { normalizeEmail, normalizeUsername } from './normalize.ts';
import { FULL_NAME_MAX, personName } from './person-name.ts';
import { normalizePhone } from './phone.ts';
import { claimKey, lockNames, type ProfileRow, releaseUsername, writeUsername } from './profile-queries.ts';

export { setDisabled, writeProfile } from './profile-queries.ts';

/** What a person, or an administrator, may write; what is left out stays as it is. */
export interface ProfileChange {
  readonly first_name?: string | undefined;
  readonly last_name?: string | undefined;
  /** Left out: follows the two others when one of them changes. */
  readonly full_name?: string | undefined;
  readonly phone_number?: string | null | undefined;
}

/**
 * Validates a change of names and number. Refuses with 422 on every member that is wrong: a last name that is empty, unless it
 * is so `before`, since whoever has none sends that back among all that was read.
 */
export async function normalizeProfile(
  change: ProfileChange,
  before: Pick<Account, 'last_name'> | null = null,
): Promise<ProfileRow> {
  const { first_name, last_name, full_name, phone_number } = change;
  const [firstName, lastName, fullName, phoneNumber] = await allValid(
    () => (first_name === undefined ? null : personName(first_name, 'first_name')),
    () =>
      last_name === undefined || (last_name === '' && before?.last_name === '')
        ? null
        : personName(last_name, 'last_name'),
    () => (full_name === undefined ? null : personName(full_name, 'full_name', FULL_NAME_MAX)),
    () => (typeof phone_number === 'string' ? normalizePhone(phone_number) : null),
  );
  return { firstName, lastName, fullName, phoneNumber, phoneGiven: phone_number !== undefined };
}

/**
 * Gives an account another username; if that is its own address, ignoring case, the username follows the address again.
 * Throws `username_taken` or 422 inside the transaction, which must not have written anything that should stay.
 */
export async function changeUsername(
  { clock }: Pick<Deps, 'clock'>,
  tx: Tx,
  account: Pick<Account, 'id' | 'email'>,
  text: string,
): Promise<void> {
  const named = normalizeUsername(text, normalizeEmail(account.email));
  const now = clock.now();
  await lockNames(tx);
  await releaseUsername(tx, account.id);
  if (named !== null) {
    const claimed = await claimKey(tx, { userId: account.id, key: named.key, kind: 'username', now });
    // Thrown inside the transaction, so that the account keeps the name that it has just given up.
    if (!claimed) throw new Problem('username_taken');
  }
  await writeUsername(tx, account.id, named?.username ?? account.email, now);
}
