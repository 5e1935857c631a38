import { anonymous, recordEvent } from '../audit/record.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { isUuid } from '../platform/uuid.ts';
import { limitAccount } from '../throttle/rate-limits.ts';
import { findClientSecrets, touchClient } from './queries.ts';
import { secretMatches } from './secret.ts';

/** A service client that proved its secret. */
export interface AuthenticatedClient {
  readonly clientId: string;
  /** What it holds now. */
  readonly permissions: ReadonlySet<string>;
}

export interface ClientCredentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** `client_id` and `client_secret` of the body, for clients that cannot use Basic (RFC 6749 §2.3.1). */
  readonly client_id?: string | undefined;
  readonly client_secret?: string | undefined;
}

/**
 * The client that these credentials prove. Refuses with `invalid_client`, alike for an unknown client and a wrong secret,
 * with `rate_limited` after a hundred wrong secrets in a minute, and with `malformed_request` when two ways of
 * authentication are used at once (RFC 6749 §2.3).
 */
export async function authenticateClient(
  deps: Deps,
  caller: Caller,
  credentials: ClientCredentials,
): Promise<AuthenticatedClient> {
  const presented = readCredentials(credentials);
  if (presented === null || !isUuid(presented.id)) throw new Problem('invalid_client');
  const now = deps.clock.now();
  const client = await findClientSecrets(deps.db, presented.id);
  const overlap = client?.previous_secret_expires_at ?? null;
  const previous = overlap !== null && overlap > now ? client?.previous_secret_hash : null;
  const right = secretMatches(presented.secret, [client?.secret_hash ?? null, previous ?? null]);
  if (client === null) throw new Problem('invalid_client');
  if (!right) {
    // Client ids are no secret: whoever knows one must not be able to fill the audit trail with guesses.
    await limitAccount(deps, 'login', { ip: caller.ip, account: client.id });
    await recordEvent(deps, deps.db, {
      type: 'client.failed',
      outcome: 'failure',
      reason: 'wrong_secret',
      actor: anonymous,
      caller,
      data: { client_id: client.id },
    });
    throw new Problem('invalid_client');
  }
  if (client.last_used_at === null || now.getTime() - client.last_used_at.getTime() >= 60_000) {
    await touchClient(deps.db, client.id, now);
  }
  return { clientId: client.id, permissions: new Set(client.permissions) };
}

function readCredentials({ authorization, client_id, client_secret }: ClientCredentials) {
  const basic = authorization === undefined ? null : readBasic(authorization);
  if (basic === null) {
    if (authorization !== undefined || client_id === undefined || client_secret === undefined) return null;
    return { id: client_id.toLowerCase(), secret: client_secret };
  }
  if (client_secret !== undefined || (client_id !== undefined && client_id.toLowerCase() !== basic.id)) {
    throw new Problem('malformed_request', { message: 'Authenticate the client in one way, not in two.' });
  }
  return basic;
}

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i;

/** The id and secret of an HTTP Basic header, each form-urlencoded within it (RFC 6749 §2.3.1); null for any other. */
export function readBasic(authorization: string): { id: string; secret: string } | null {
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon === -1) return null;
  try {
    return { id: formDecode(text.slice(0, colon)).toLowerCase(), secret: formDecode(text.slice(colon + 1)) };
  } catch {
    return null;
  }
}

const formDecode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
