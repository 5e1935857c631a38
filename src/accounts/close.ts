import type { Tx } from '../platform/database.ts';
import { dropAccount } from './queries.ts';

/** Removes an account with everything that belongs to it, and frees its names. True if there was one. */
export async function closeAccount(tx: Tx, userId: string): Promise<boolean> {
  return (await dropAccount(tx, userId)) === 1;
}
