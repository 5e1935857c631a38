import { lockAccount } from '../accounts/find.ts';
import { recordEvent } from '../audit/record.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { markedHash, markedHashes } from '../platform/marked-hashes.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { countRecoveryCodes, replaceRecoveryCodes, secondFactorsOf, spendRecoveryCode } from './queries.ts';

const COUNT = 10;
// No I, L, O or U: what is copied from paper must not be ambiguous. 32 characters, so a byte's low bits are uniform.
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const LENGTH = 12;

/** Ten new codes of 60 bits; the old ones die. Refuses with `factor_not_found` where there is no factor to recover. */
export async function newRecoveryCodes(deps: Deps, principal: UserPrincipal): Promise<string[]> {
  const { userId, sessionId, caller } = principal;
  const codes = await deps.db.transaction(async tx => {
    const account = await lockOwnAccount(tx, principal);
    if (account === null) return 'token_revoked';
    const kinds = await secondFactorsOf(tx, userId);
    if (!kinds.includes('totp') && !kinds.includes('sms')) return 'factor_not_found';
    const made = await regenerateRecoveryCodes(deps, tx, userId);
    await recordEvent(deps, tx, {
      type: 'mfa.recovery_codes_made',
      outcome: 'success',
      actor: actorOf(principal),
      userId,
      sessionId,
      caller,
    });
    await enqueueMail(deps, tx, {
      template: 'recovery-codes-regenerated',
      to: account.email,
      userId,
      params: whereOf(caller, deps.clock.now()),
    });
    return made;
  });
  if (typeof codes === 'string') throw new Problem(codes);
  return codes;
}

/** Puts ten new codes in place of all others, in the caller's transaction; only their keyed hashes are stored. */
export async function regenerateRecoveryCodes(deps: Deps, tx: Tx, userId: string): Promise<string[]> {
  const { random, clock } = deps;
  const codes = Array.from({ length: COUNT }, () => {
    const text = [...random.bytes(LENGTH)].map(byte => ALPHABET[byte % ALPHABET.length]).join('');
    return `${text.slice(0, 4)}-${text.slice(4, 8)}-${text.slice(8)}`;
  });
  await replaceRecoveryCodes(tx, {
    userId,
    ids: codes.map(() => random.uuid()),
    hashes: codes.map(code => markedHash(deps.secrets, 'challenge', boundCode(userId, code))),
    now: clock.now(),
  });
  return codes;
}

/**
 * Whether the code was one of the user's and unused: true for one of N callers at once (ASVS 6.5.1). The owner is told
 * by mail, with how many are left: somebody who found the codes on paper must not go unnoticed. A code that was made
 * under a previous root counts as long as that root is in the ring.
 */
export function useRecoveryCode(
  deps: Deps,
  { userId, sessionId, caller }: { userId: string; sessionId?: string; caller: Caller },
  code: string,
): Promise<boolean> {
  const now = deps.clock.now();
  return deps.db.transaction(async tx => {
    const account = await lockAccount(tx, userId);
    if (account === null) return false;
    const hashes = markedHashes(deps.secrets, 'challenge', boundCode(userId, code));
    if (!(await spendRecoveryCode(tx, { userId, hashes, now }))) return false;
    const left = await countRecoveryCodes(tx, userId);
    await recordEvent(deps, tx, {
      type: 'mfa.recovery_code_used',
      outcome: 'success',
      actor: { kind: 'user', id: userId },
      userId,
      sessionId: sessionId ?? null,
      caller,
      data: { left },
    });
    await enqueueMail(deps, tx, {
      template: 'recovery-code-used',
      to: account.email,
      userId,
      params: { left, ...whereOf(caller, now) },
    });
    return true;
  });
}

// Hashed with a key, so that the table alone cannot be searched for codes; read as typed, without case, dashes or look-alikes.
function boundCode(userId: string, code: string): string {
  const canonical = code
    .toUpperCase()
    .replaceAll(/[^0-9A-Z]/g, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1');
  return `recovery-code\0${userId}\0${canonical}`;
}
