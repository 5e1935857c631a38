import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import type { TokenBody } from '../sessions/token.ts';
import type { DeviceClaim } from '../throttle/devices.ts';
import { type CodeProof, redeemCode } from './redeem-code.ts';
import { signInWithIdentity } from './sign-in.ts';

/**
 * Logs in with the one-time code of a sign-in at a provider. Refuses with `invalid_authorization_code` (also for a code
 * that was issued for linking), and with what `signInWithIdentity` names.
 */
export async function exchange(
  deps: KeysDeps,
  caller: Caller,
  proof: CodeProof,
  devices: readonly DeviceClaim[],
): Promise<TokenBody> {
  const { identity, userId } = await redeemCode(deps, proof);
  if (userId !== null) throw new Problem('invalid_authorization_code');
  return signInWithIdentity(deps, caller, identity, devices);
}
