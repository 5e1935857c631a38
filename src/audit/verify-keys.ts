import type { Deps } from '../platform/deps.ts';
import type { Finding } from './finding.ts';
import { findKeysFrom, findLostKeys, findPersonKeys } from './key-queries.ts';
import { NOBODY, openFields, openKey } from './personal-fields.ts';

const PAGE = 1_000;

/**
 * What is wrong with the keys of the personal fields. To take one away hides who did what, and no seal covers it, as an
 * erasure does the same: so each must be there and open what it was made for, or the trail must say that its account was
 * removed.
 */
export async function checkKeys(
  deps: Pick<Deps, 'db' | 'secrets'>,
  prunedBefore: Date | null,
): Promise<Finding[]> {
  const lost = await findLostKeys(deps.db, { nobody: NOBODY, prunedBefore, limit: PAGE });
  const findings = lost.map(userId => findingOf(userId, 'is gone, and no removal of that account says why'));
  const [nobody] = await findPersonKeys(deps.db, [NOBODY]);
  const trailKey = openKey(deps, nobody);
  const closed = new Set<string>();
  let after: string | null = null;
  for (;;) {
    const tried = await findKeysFrom(deps.db, { nobody: NOBODY, after, limit: PAGE });
    for (const { event_id: eventId, personal_sealed: sealed, ...key } of tried) {
      if (eventId === null || sealed === null) continue;
      if (openFields(deps, { trailKey, key }, { eventId, sealed }) === null) closed.add(key.user_id);
    }
    const last = tried.at(-1)?.user_id;
    if (last === undefined) break;
    after = last;
  }
  return [
    ...findings,
    ...[...closed].map(userId =>
      findingOf(userId, 'was replaced, or sealed under a root secret that is not configured'),
    ),
  ];
}

const findingOf = (userId: string, what: string): Finding => ({
  kind: 'key_lost',
  userId,
  explanation: `The key of the personal fields of ${userId} ${what}: they cannot be read`,
});
