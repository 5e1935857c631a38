import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import { decide, recordDone } from '../rbac/decide.ts';
import type { Granter } from '../rbac/granter.ts';
import { type ClientBody, presentClient } from './client.ts';
import { refusalFor, replaceSecret } from './queries.ts';
import { makeSecret } from './secret.ts';

/** How long the former secret stays good unless the caller says otherwise, in seconds. */
export const SECRET_OVERLAP = 86_400;

/**
 * Gives a client a new secret, shown only this once; the former one stays good for `keepPrevious` seconds: none when it
 * leaked. Refuses with `client_not_found`, or `target_outranks_caller` when the client holds what the granter lacks.
 */
export async function rotateSecret(
  deps: Deps,
  granter: Granter,
  { clientId, keepPrevious = SECRET_OVERLAP }: { clientId: string; keepPrevious?: number | undefined },
): Promise<ClientBody & { secret: string }> {
  const { secret, hash } = makeSecret(deps.random);
  const event = { type: 'client.secret_rotated', data: { client_id: clientId } } as const;
  const row = await decide(
    deps,
    granter,
    { needs: 'clients:write', lock: 'act', event },
    async (tx, held) => {
      const changed = await replaceSecret(tx, {
        clientId,
        secretHash: hash,
        previousUntil: addSeconds(deps.clock.now(), keepPrevious),
        held: [...held],
      });
      if (changed === null) return refusalFor(tx, clientId);
      await recordDone(deps, tx, granter, event);
      return changed;
    },
  );
  return { ...presentClient(row), secret };
}
