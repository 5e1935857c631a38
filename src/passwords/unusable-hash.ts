import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { isKnownHash } from '../platform/hasher.ts';

/**
 * Tells the operator about a stored hash that no login computes, which got into the database by other means than ours.
 * The person gets the same answer as for a wrong password.
 */
export function reportUnusable(
  { log }: Pick<Deps, 'log'>,
  caller: Caller,
  userId: string,
  hash: string | null,
): void {
  if (hash === null || isKnownHash(hash)) return;
  log.error(
    { request_id: caller.requestId, user_id: userId },
    'The stored password hash of this account is of an unknown kind or costs too much, so its password cannot be used: set a new one by a mailed reset or by "users set-password"',
  );
}
