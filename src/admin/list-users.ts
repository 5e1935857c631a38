import { presentUser, type UserBody } from '../accounts/account.ts';
import { decodeCursor, INSTANT, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { selectUser, selectUsers } from './queries.ts';

export interface UserQuery {
  /** How an address, a username, a full name or a last name begins, in any case. */
  readonly q?: string | undefined;
  readonly role?: string | undefined;
  readonly disabled?: boolean | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The accounts that match, the newest first. */
export async function listUsers(
  { db }: Pick<Deps, 'db'>,
  { q, role, disabled, limit, cursor }: UserQuery,
): Promise<Page<UserBody>> {
  const prefix = (q ?? '').normalize('NFC').trim();
  const rows = await selectUsers(db, {
    filter: { prefix: prefix === '' ? null : prefix, role: role ?? null, disabled: disabled ?? null },
    after: decodeCursor(cursor, [INSTANT, UUID]),
    limit: limit + 1,
  });
  return pageOf(rows, limit, {
    keyOf: ({ created_at, id }) => [created_at.toISOString(), id],
    present: row => presentUser(row, row.roles),
  });
}

/** One account. Refuses with `user_not_found`. */
export async function findUser({ db }: Pick<Deps, 'db'>, id: string): Promise<UserBody> {
  const row = await selectUser(db, id);
  if (row === null) throw new Problem('user_not_found');
  return presentUser(row, row.roles);
}
