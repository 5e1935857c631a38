import type { Db } from '../platform/database.ts';
import { column, type Fragment, type Reading, sql } from '../platform/sql.ts';
import { permissionsOf } from './queries.ts';

/** What a client's access token stands for now. */
interface ClientStanding {
  readonly permissions: readonly string[];
  /** The token itself was revoked (RFC 7009). */
  readonly revoked: boolean;
}

interface ClientBearer {
  readonly clientId: string;
  readonly jti: string;
}

const standing: Reading<ClientBearer> = {
  alone: ({ clientId, jti }) => standingOf(sql`${clientId}::uuid`, sql`${jti}::uuid`),
  together: all => sql`
    select token.place, standing.*
    from unnest(${column(all, ({ clientId }) => clientId)}::uuid[], ${column(all, ({ jti }) => jti)}::uuid[])
      with ordinality as token (client_id, jti, place)
    cross join lateral (${standingOf(sql`token.client_id`, sql`token.jti`)} limit 1) as standing`,
};

function standingOf(clientId: Fragment, jti: Fragment): Fragment {
  return sql`
    select ${permissionsOf} as permissions, exists (select from revoked_tokens r where r.jti = ${jti}) as revoked
    from clients c where c.id = ${clientId}`;
}

/** The standing of a bearer, read in one statement with all others asked for in the same turn. Null if the client is gone. */
export function findClientPrincipal(database: Db, bearer: ClientBearer): Promise<ClientStanding | null> {
  return database.read(standing, bearer);
}
