import { type Account, presentUser, type UserBody } from '../accounts/account.ts';
import { findAccountById } from '../accounts/find.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { changeUsername, normalizeProfile, type ProfileChange, writeProfile } from '../accounts/profile.ts';
import { recordEvent } from '../audit/record.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { Problem } from '../platform/problems.ts';
import { requireRecent } from '../sessions/authenticate.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { beginEmailChange } from './change-email.ts';

/** What a person may change of their own account. */
export interface OwnChange extends ProfileChange {
  readonly username?: string | undefined;
  readonly email?: string | undefined;
}

/**
 * Changes the caller's profile, all of it or nothing; another address waits for its confirmation. Refuses with
 * `username_taken`, `reauthentication_required` and `address_taken` for another address, `rate_limited` for a third
 * within a minute, and 422.
 */
export async function updateProfile(
  deps: KeysDeps,
  principal: UserPrincipal,
  change: OwnChange,
): Promise<UserBody> {
  const { userId, caller } = principal;
  const profile = await normalizeProfile(change, principal.account);
  const address = addressAskedFor(change, principal.account);
  if (address !== null && address !== principal.account.email) requireRecent(deps, principal);

  const verdict = await deps.db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return new Problem('token_revoked');
    if (address !== null) {
      const notBegun = await beginEmailChange(deps, tx, { account, principal, address });
      if (notBegun !== null) return notBegun;
    }
    // One that was imported may be shorter than a new one has to be, and may be sent back.
    if (change.username !== undefined && change.username !== account.username)
      await changeUsername(deps, tx, account, change.username);
    await writeProfile(deps, tx, userId, profile);
    const written = (await findAccountById(tx, userId)) as Account;
    const changed = changedMembers(account, written);
    if (changed.length > 0) {
      await recordEvent(deps, tx, {
        type: 'user.updated',
        outcome: 'success',
        actor: { kind: 'user', id: userId },
        userId,
        sessionId: principal.sessionId,
        caller,
        data: { changed },
      });
    }
    return written;
  });
  if (verdict instanceof Problem) throw verdict;
  return presentUser(verdict, principal.roles);
}

// The present address by itself calls a change of it off. Among other members it is what a client sends back of what it has read.
function addressAskedFor({ email, ...others }: OwnChange, account: Account): string | null {
  if (email === undefined) return null;
  const { address } = normalizeEmail(email);
  const isReadBack = address === account.email && Object.values(others).some(value => value !== undefined);
  return isReadBack ? null : address;
}

const MEMBERS = [
  'first_name',
  'last_name',
  'full_name',
  'phone_number',
  'username',
  'pending_email',
] as const satisfies readonly (keyof Account)[];

/** The names of the members that differ, without their text, which is personal. */
export function changedMembers(before: Account, after: Account): string[] {
  return MEMBERS.filter(member => before[member] !== after[member]);
}
