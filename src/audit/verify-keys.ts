import type { Deps } from '../platform/deps.ts';
import type { Finding } from './finding.ts';
import { findKeyedEvents, findLostKeys, findPersonKeys, type KeyedEvent } from './key-queries.ts';
import { NOBODY, openFields, openKey } from './personal-fields.ts';

const PAGE = 1_000;

/**
 * What is wrong with the keys of the personal fields. Removing a key hides who did what, and no seal covers keys, since an
 * erasure removes them as well. So each key that is there must open every event that it was made for (a replaced one opens only
 * later events), and where a key is missing, the trail must say that its account was removed. `spoilt` holds the ids of events
 * that are not as they were sealed: they say nothing about a key.
 */
export async function checkKeys(
  deps: Pick<Deps, 'db' | 'secrets'>,
  { prunedBefore, spoilt }: { prunedBefore: Date | null; spoilt: ReadonlySet<string> },
): Promise<Finding[]> {
  const lost: string[] = [];
  // Page by page, since a trail may be too long for one statement; each person is looked up once.
  const asked = new Set<string>();
  const [nobody] = await findPersonKeys(deps.db, [NOBODY]);
  const trailKey = openKey(deps, nobody);
  const closed = new Set<string>();
  let after: KeyedEvent | null = null;
  for (;;) {
    const page: KeyedEvent[] = await findKeyedEvents(deps.db, {
      nobody: NOBODY,
      prunedBefore,
      after,
      limit: PAGE,
    });
    const unheard = new Set(
      page.flatMap(event => (event.is_closed ? event.user_id : [])).filter(id => !asked.has(id)),
    );
    for (const userId of unheard) asked.add(userId);
    if (unheard.size > 0 && lost.length < PAGE) lost.push(...(await findLostKeys(deps.db, [...unheard])));
    for (const key of page) {
      if ((key.secret === null && key.key_sealed === null) || spoilt.has(key.id)) continue;
      const event = { eventId: key.id, sealed: key.personal_sealed };
      if (openFields(deps, { trailKey, key }, event) === null) closed.add(key.user_id);
    }
    if (page.length < PAGE) break;
    after = page.at(-1) ?? null;
  }
  return [
    ...lost
      .slice(0, PAGE)
      .map(userId => findingOf(userId, 'is gone, and no removal of that account says why')),
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
