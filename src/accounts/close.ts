import type { Tx } from '../platform/database.ts';
import { dropAccount } from './queries.ts';

/** Removes an account with everything that hangs on it; its names are free again. True where there was one. */
export async function closeAccount(tx: Tx, userId: string): Promise<boolean> {
  return (await dropAccount(tx, userId)) === 1;
}
