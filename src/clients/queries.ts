import type { Sql, Tx } from '../platform/database.ts';
import { sql } from '../platform/sql.ts';
import { Refusal } from '../rbac/decide.ts';

export interface ClientRow {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly string[];
  readonly created_at: Date;
  readonly last_used_at: Date | null;
  readonly previous_secret_expires_at: Date | null;
}

export interface ClientSecretsRow extends ClientRow {
  readonly secret_hash: Buffer;
  readonly previous_secret_hash: Buffer | null;
}

/** An array of what the client `c` of the statement around it may do. */
export const permissionsOf = sql`array(select permission_name from client_permissions
  where client_id = c.id order by permission_name)`;
const columns = sql`c.id, c.name, ${permissionsOf} as permissions, c.created_at, c.last_used_at,
  c.previous_secret_expires_at`;

/** What an authentication compares with; null when there is no such client. */
export function findClientSecrets(database: Sql, clientId: string): Promise<ClientSecretsRow | null> {
  return database.row(sql`
    select ${columns}, c.secret_hash, c.previous_secret_hash from clients c where c.id = ${clientId}::uuid`);
}

/** False when a client of this name exists. */
export async function insertClient(
  tx: Tx,
  client: { id: string; name: string; secretHash: Buffer; now: Date },
): Promise<boolean> {
  const written = await tx.run(sql`insert into clients (id, name, secret_hash, created_at)
    values (${client.id}, ${client.name}, ${client.secretHash}, ${client.now})
    on conflict (name) do nothing`);
  return written === 1;
}

/** Grants the client those of the named permissions that exist; returns their names. */
export async function grantToClient(tx: Tx, clientId: string, names: readonly string[]): Promise<string[]> {
  const granted = await tx.rows<{ name: string }>(sql`
    insert into client_permissions (client_id, permission_name)
    select ${clientId}::uuid, name from permissions where name = any(${names}::text[]) order by name
    returning permission_name as name`);
  return granted.map(({ name }) => name);
}

/** Clients in the order of their ids, which is that of their creation. */
export function listClientRows(
  database: Sql,
  { after, limit }: { after: string | null; limit: number },
): Promise<ClientRow[]> {
  return database.rows(sql`
    select ${columns} from clients c
    where ${after}::uuid is null or c.id > ${after}::uuid order by c.id limit ${limit}::int`);
}

// Whether a client holds nothing that the caller lacks, decided in the statement that changes it.
const isWithin = (held: readonly string[]) => sql`not exists (
  select from client_permissions where client_id = c.id and permission_name <> all(${held}::text[]))`;

/** Sets a new secret; the former one stays good until `previousUntil`. Null when nothing was changed. */
export function replaceSecret(
  tx: Tx,
  change: { clientId: string; secretHash: Buffer; previousUntil: Date; held: readonly string[] },
): Promise<ClientRow | null> {
  return tx.row(sql`
    update clients c set secret_hash = ${change.secretHash}::bytea, previous_secret_hash = c.secret_hash,
      previous_secret_expires_at = ${change.previousUntil}::timestamptz
    where c.id = ${change.clientId}::uuid and ${isWithin(change.held)}
    returning ${columns}`);
}

/** Removes a client, and with it all of its tokens. Null when nothing was removed. */
export function removeClientRow(
  tx: Tx,
  clientId: string,
  held: readonly string[],
): Promise<{ name: string } | null> {
  return tx.row(
    sql`delete from clients c where c.id = ${clientId}::uuid and ${isWithin(held)} returning c.name`,
  );
}

/** Why nothing was changed: there is no such client, or it holds what the granter lacks. */
export async function refusalFor(tx: Tx, clientId: string): Promise<Refusal> {
  const found = await tx.row(sql`select 1 from clients where id = ${clientId}::uuid`);
  if (found === null) return new Refusal('client_not_found');
  return new Refusal('target_outranks_caller', { message: 'The client holds a permission that you lack.' });
}

/** Notes when the client was last heard of, at most once a minute. */
export function touchClient(database: Sql, clientId: string, now: Date): Promise<number> {
  return database.run(sql`
    update clients set last_used_at = ${now}::timestamptz
    where id = ${clientId}::uuid
      and (last_used_at is null or last_used_at < ${now}::timestamptz - interval '1 minute')`);
}
