import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { bytes, instant, integer, json, ofOwner, text, uuid } from '../platform/migrations/columns.ts';

export const challenges = defineEntity({
  name: 'challenges',
  properties: {
    id: uuid().primary(),
    purpose: text(),
    user_id: () => ofOwner(users, 'user_id').nullable(),
    secret_hash: bytes(),
    sent_to: text().nullable(),
    data: json().defaultRaw("'{}'"),
    attempts: integer().default(0),
    created_at: instant(),
    expires_at: instant(),
    consumed_at: instant().nullable(),
  },
  indexes: [
    {
      name: 'challenges_purpose_secret_hash_idx',
      properties: ['purpose', 'secret_hash'],
      expression:
        'create unique index challenges_purpose_secret_hash_idx on challenges (purpose, secret_hash)',
    },
    { properties: ['user_id', 'purpose'] },
    // Invitations alone are looked up by their address, so nothing else pays for this index.
    {
      name: 'challenges_invitations_idx',
      expression:
        "create index challenges_invitations_idx on challenges (lower(sent_to), expires_at) where purpose = 'invitation'",
    },
    { properties: 'expires_at' },
  ],
});
