import { operator, recordEvent } from '../audit/record.ts';
import type { Deps } from '../platform/deps.ts';
import { type Rewrapped, rewrapSealed } from '../platform/sealed-columns.ts';

/**
 * Seals every stored secret anew under the present AUTH_ROOT_SECRET, so that the previous one can be taken away, and
 * notes how many in the audit trail.
 */
export async function rewrapStoredSecrets(deps: Deps): Promise<Rewrapped[]> {
  const results = await rewrapSealed(deps);
  await recordEvent(deps, deps.db, {
    type: 'key.rewrapped',
    outcome: results.every(({ failed }) => failed.length === 0) ? 'success' : 'failure',
    actor: operator,
    caller: null,
    data: Object.fromEntries(results.map(({ table, rewrapped }) => [table, rewrapped])),
  });
  return results;
}
