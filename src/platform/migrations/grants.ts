import { readFileSync } from 'node:fs';
import type { ClientBase } from 'pg';
import { escapeLiteral } from 'pg';
import { REVISIONS_FOLDER } from './revisions.ts';

/**
 * Grants the service's own role the rights in migrations/grants.sql: everything that it needs and, on the audit trail, no
 * right to change or remove. Does nothing when that role is the one that migrates.
 */
export async function grantTo(client: ClientBase, role: string): Promise<void> {
  const text = readFileSync(new URL('grants.sql', REVISIONS_FOLDER), 'utf8');
  await client.query(text.replaceAll(":'service_role'", escapeLiteral(role)));
}
