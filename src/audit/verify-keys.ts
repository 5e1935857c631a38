import type { Deps } from '../platform/deps.ts';
import type { Finding } from './finding.ts';
import { findKeysFrom, findLostKeys } from './key-queries.ts';
import { NOBODY, opensPersonKey } from './person-key.ts';

const PAGE = 1_000;

/**
 * What is wrong with the keys of the personal fields. To take one away hides who did what, and no seal covers it, as an
 * erasure does the same: so each must be there and open, or the trail must say that its account was removed.
 */
export async function checkKeys(
  deps: Pick<Deps, 'db' | 'secrets'>,
  prunedBefore: Date | null,
): Promise<Finding[]> {
  const lost = await findLostKeys(deps.db, { nobody: NOBODY, prunedBefore, limit: PAGE });
  const findings = lost.map(userId => findingOf(userId, 'is gone, and no removal of that account says why'));
  let after: string | null = null;
  for (;;) {
    const keys: { user_id: string; key_sealed: Buffer }[] = await findKeysFrom(deps.db, after, PAGE);
    for (const { user_id: userId, key_sealed: sealed } of keys)
      if (!opensPersonKey(deps, { userId, sealed }))
        findings.push(
          findingOf(userId, 'was replaced, or sealed under a root secret that is not configured'),
        );
    if (keys.length < PAGE) return findings;
    after = keys.at(-1)?.user_id ?? null;
  }
}

const findingOf = (userId: string, what: string): Finding => ({
  kind: 'key_lost',
  userId,
  explanation: `The key of the personal fields of ${userId} ${what}: they cannot be read`,
});
