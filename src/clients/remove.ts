import type { Deps } from '../platform/deps.ts';
import { decide, recordDone } from '../rbac/decide.ts';
import type { Granter } from '../rbac/granter.ts';
import { refusalFor, removeClientRow } from './queries.ts';

/**
 * Removes a client; its tokens are dead when this returns. Refuses with `client_not_found`, or `target_outranks_caller`
 * when the client holds what the granter lacks.
 */
export async function removeClient(deps: Deps, granter: Granter, clientId: string): Promise<void> {
  const event = { type: 'client.deleted', data: { client_id: clientId } } as const;
  await decide(deps, granter, { needs: 'clients:write', lock: 'act', event }, async (tx, held) => {
    const removed = await removeClientRow(tx, clientId, [...held]);
    if (removed === null) return refusalFor(tx, clientId);
    await recordDone(deps, tx, granter, {
      ...event,
      data: { ...event.data, name: removed.name },
    });
    return removed;
  });
}
