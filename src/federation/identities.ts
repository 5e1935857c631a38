import type { Static } from 'typebox';
import type { Deps } from '../platform/deps.ts';
import { sha256 } from '../platform/digest.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import { uuidAt } from '../platform/uuid.ts';
import { type IdentityKey, type IdentityRow, selectIdentities } from './queries.ts';

/** A provider's account that signs in to an account here. */
export const identityBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    provider: Type.String({ examples: ['google'] }),
    email: Type.Union([Type.String(), Type.Null()], {
      description: "The address at the provider when it was linked; not necessarily the account's.",
    }),
    created_at: Type.String({ format: 'date-time' }),
    last_used_at: orNull(Type.String({ format: 'date-time' })),
  },
  { $id: 'Identity', title: 'Identity' },
);

export type IdentityBody = Static<typeof identityBody>;

/** The linked identities of a person, oldest first. */
export async function listIdentities(
  { db }: Pick<Deps, 'db'>,
  { userId }: { userId: string },
): Promise<IdentityBody[]> {
  return (await selectIdentities(db, userId)).map(presentIdentity);
}

/** A linked identity as the API shows it. */
function presentIdentity(row: IdentityRow): IdentityBody {
  return {
    id: identityId(row),
    provider: row.provider,
    email: row.email,
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
  };
}

/** (issuer, subject) as one id: a UUID of version 8 (RFC 9562 §5.8) out of a hash of the two. */
export function identityId({ issuer, subject }: IdentityKey): string {
  const bytes = sha256(`${issuer}\0${subject}`).subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuidAt(bytes);
}
