import type { Static } from 'typebox';
import { Type } from '../platform/json-schema.ts';
import type { ClientRow } from './queries.ts';

const instant = Type.String({ format: 'date-time' });
const members = {
  id: Type.String({ format: 'uuid', description: 'The `client_id`, and the user name of HTTP Basic.' }),
  name: Type.String(),
  permissions: Type.Array(Type.String()),
  created_at: instant,
  last_used_at: Type.Union([instant, Type.Null()], { description: 'To the minute.' }),
  previous_secret_expires_at: Type.Union([instant, Type.Null()], {
    description: 'Until when the former secret is still valid.',
  }),
};

/** A service client, without its secret. */
export const clientBody = Type.Object(members, { $id: 'Client', title: 'Client' });

/** A service client with the secret that is shown this once. */
export const clientWithSecretBody = Type.Object(
  { ...members, secret: Type.String({ description: 'The `client_secret`. It is not shown again.' }) },
  { $id: 'ClientWithSecret', title: 'ClientWithSecret' },
);

export type ClientBody = Static<typeof clientBody>;

/** A client as the API shows it. */
export function presentClient(row: ClientRow): ClientBody {
  return {
    id: row.id,
    name: row.name,
    permissions: [...row.permissions],
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    previous_secret_expires_at: row.previous_secret_expires_at?.toISOString() ?? null,
  };
}
