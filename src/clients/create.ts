import type { Deps } from '../platform/deps.ts';
import { invalid } from '../platform/problems.ts';
import { decide, Refusal, recordDone } from '../rbac/decide.ts';
import type { Granter } from '../rbac/granter.ts';
import { refusePermissions } from '../rbac/refuse-permissions.ts';
import { type ClientBody, presentClient } from './client.ts';
import { grantToClient, insertClient } from './queries.ts';
import { makeSecret } from './secret.ts';

/**
 * Makes a service client with a secret that is shown only this once. Refuses with `grant_exceeds_own`, naming the
 * permissions that the granter lacks, with `client_exists`, or with 422 for a name that is empty or has control characters
 * and for a permission that does not exist.
 */
export async function createClient(
  deps: Deps,
  granter: Granter,
  { name, permissions }: { name: string; permissions: readonly string[] },
): Promise<ClientBody & { secret: string }> {
  const trimmed = name.normalize('NFC').trim();
  if (trimmed === '') throw invalid('name', 'string_too_short', 'String should have at least 1 character');
  if (/\p{Cc}/u.test(trimmed)) throw invalid('name', 'value_error', 'Leave out control characters.');
  const { secret, hash } = makeSecret(deps.random);
  const client = { id: deps.random.uuid(), name: trimmed, secretHash: hash, now: deps.clock.now() };
  const event = {
    type: 'client.created',
    data: { client_id: client.id, name: trimmed, permissions },
  } as const;
  const granted = await decide(
    deps,
    granter,
    { needs: 'clients:write', lock: 'change', event },
    async (tx, held) => {
      const refused = await refusePermissions(tx, held, permissions);
      if (refused !== null) return refused;
      if (!(await insertClient(tx, client))) return new Refusal('client_exists');
      const names = await grantToClient(tx, client.id, permissions);
      await recordDone(deps, tx, granter, event);
      return names;
    },
  );
  const times = { created_at: client.now, last_used_at: null, previous_secret_expires_at: null };
  return { ...presentClient({ id: client.id, name: trimmed, permissions: granted, ...times }), secret };
}
