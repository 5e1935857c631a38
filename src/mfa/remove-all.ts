import type { Tx } from '../platform/database.ts';
import { deleteFactorsOf } from './queries.ts';

/**
 * Removes every factor, passkey and recovery code of an account, and a planned removal; returns how many factors and
 * passkeys there were.
 */
export function removeEveryFactor(tx: Tx, userId: string): Promise<number> {
  return deleteFactorsOf(tx, userId);
}
