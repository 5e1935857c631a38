import type { Deps } from '../platform/deps.ts';
import { listLiveKeys } from './queries.ts';

/** A signing key as an operator sees it. */
export interface ListedKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly state: 'waiting' | 'signing' | 'verifying';
  readonly createdAt: Date;
  readonly signsFrom: Date;
  readonly signsUntil: Date | null;
  readonly verifiesUntil: Date | null;
}

/** The keys that sign, will sign or still verify, oldest first. Under HS* the row stands for JWT_SECRET_KEY. */
export async function listKeys({ db, clock }: Deps): Promise<ListedKey[]> {
  const now = clock.now();
  const rows = await listLiveKeys(db, now);
  return rows.map(({ kid, algorithm, createdAt, signsFrom, signsUntil, verifiesUntil }) => ({
    kid,
    algorithm,
    state: signsUntil !== null && signsUntil <= now ? 'verifying' : signsFrom > now ? 'waiting' : 'signing',
    createdAt,
    signsFrom,
    signsUntil,
    verifiesUntil,
  }));
}
