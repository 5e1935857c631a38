import type { Static } from 'typebox';
import { orNull, Type } from '../platform/json-schema.ts';
import { sql } from '../platform/sql.ts';

/** A row of `users`. */
export interface Account {
  readonly id: string;
  /** As the person wrote it; mail goes here. */
  readonly email: string;
  readonly username: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly full_name: string;
  /** E.164 where it parses. */
  readonly phone_number: string | null;
  readonly disabled_at: Date | null;
  readonly email_verified_at: Date | null;
  readonly pending_email: string | null;
  readonly mfa_enabled: boolean;
  readonly last_login_at: Date | null;
  readonly created_at: Date;
}

/** The columns of an Account in a statement that calls the table `u`. */
export const accountColumns = sql`u.id, u.email, u.username, u.first_name, u.last_name, u.full_name, u.phone_number,
  u.disabled_at, u.email_verified_at, u.pending_email, u.mfa_enabled, u.last_login_at, u.created_at`;

/** A person, as every route shows one. */
export const userBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    email: Type.String(),
    username: Type.String(),
    full_name: Type.String(),
    first_name: Type.String(),
    last_name: Type.String(),
    phone_number: orNull(Type.String()),
    disabled: Type.Boolean(),
    roles: Type.Array(Type.String()),
    created_at: Type.String({ format: 'date-time' }),
    last_login: orNull(Type.String({ format: 'date-time' })),
    email_verified: Type.Boolean(),
    pending_email: orNull(Type.String()),
    mfa_enabled: Type.Boolean(),
  },
  { $id: 'User', title: 'User' },
);

export type UserBody = Static<typeof userBody>;

/** The account as its owner and administrators see it. */
export function presentUser(account: Account, roles: readonly string[]): UserBody {
  return {
    id: account.id,
    email: account.email,
    username: account.username,
    full_name: account.full_name,
    first_name: account.first_name,
    last_name: account.last_name,
    phone_number: account.phone_number,
    disabled: account.disabled_at !== null,
    roles: [...roles],
    created_at: account.created_at.toISOString(),
    last_login: account.last_login_at?.toISOString() ?? null,
    email_verified: account.email_verified_at !== null,
    pending_email: account.pending_email,
    mfa_enabled: account.mfa_enabled,
  };
}
