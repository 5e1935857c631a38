import type { KeysDeps } from '../keys/key-ring.ts';
import { carryOutRemoval } from '../mfa/removal.ts';
import type { Caller } from '../platform/caller.ts';
import type { TokenBody } from '../sessions/token.ts';
import { giveBack } from '../throttle/lockout.ts';
import { finishAuthentication, refuse } from './finish.ts';
import type { FirstFactor } from './first-factor.ts';
import { demandSecondFactor } from './second-factor.ts';

/**
 * What follows any proven first factor, in one place: the check that the address is verified if it must be, the demand for a
 * second factor, an expired password, and last the session. Refuses with `email_not_verified`, `mfa_required` or
 * `password_expired`.
 */
export async function completeAuthentication(
  deps: KeysDeps,
  caller: Caller,
  proof: FirstFactor,
): Promise<TokenBody> {
  const { account } = proof;
  if (deps.config.requireVerifiedEmail && account.email_verified_at === null) {
    return refuse(deps, caller, proof, 'email_not_verified');
  }
  if (account.mfa_enabled && !proof.amr.includes('mfa')) {
    // Lost factors whose removal is due count as removed, even if the maintenance has not run yet.
    if (!(await carryOutRemoval(deps, account.id))) {
      if (proof.subject !== null) await giveBack(deps, deps.db, proof.subject);
      return demandSecondFactor(deps, caller, proof);
    }
  }
  return finishAuthentication(deps, caller, proof);
}
