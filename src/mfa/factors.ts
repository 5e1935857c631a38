import type { Static } from 'typebox';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { countRecoveryCodes, secondFactorsOf, selectFactors } from './queries.ts';

export { removeEveryFactor, roleDemandsFactor, secondFactorsOf } from './queries.ts';

/** A confirmed factor as its owner sees it; of a number, all but the first and last digits are hidden. */
export const factorBody = Type.Object({
  id: Type.String({ format: 'uuid' }),
  kind: Type.String({ examples: ['totp'] }),
  phone_number: orNull(Type.String()),
  created_at: Type.String({ format: 'date-time' }),
  last_used_at: orNull(Type.String({ format: 'date-time' })),
});
export type FactorBody = Static<typeof factorBody>;

/** The user's confirmed factors, and how many recovery codes are left. */
export async function listFactors({ db }: Deps, { userId }: UserPrincipal) {
  const rows = await selectFactors(db, userId);
  const factors: FactorBody[] = rows.map(row => ({
    id: row.id,
    kind: row.kind,
    phone_number: row.phone_number === null ? null : maskNumber(row.phone_number),
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
  }));
  return { factors, recovery_codes_left: await countRecoveryCodes(db, userId) };
}

/** The kinds of second factor whose code the user can type: `totp`, `sms`, and `recovery_code` while any is left. */
export async function factorKindsOf(database: Sql, userId: string): Promise<string[]> {
  const kinds = await secondFactorsOf(database, userId);
  return kinds.filter(kind => kind !== 'passkey');
}

/** `+25471•••••78`. */
export function maskNumber(number: string): string {
  return number.replace(/(?<=^.{6}).*(?=..$)/, hidden => '•'.repeat(hidden.length));
}
