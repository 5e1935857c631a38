import type { Db } from '../platform/database.ts';
import { selectClientPrincipal } from './queries.ts';

/** What a client's access token stands for now, or null when the client is gone. */
export interface ClientStanding {
  readonly permissions: readonly string[];
  /** The token itself was revoked (RFC 7009). */
  readonly revoked: boolean;
}

/** Reads the client, its present permissions and whether the token was revoked, in one statement. */
export function findClientPrincipal(
  database: Db,
  token: { readonly clientId: string; readonly jti: string },
): Promise<ClientStanding | null> {
  return selectClientPrincipal(database, token);
}
