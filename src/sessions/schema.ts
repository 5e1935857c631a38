import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { bytes, instant, integer, ofOwner, raw, text, uuid } from '../platform/migrations/columns.ts';

export const sessions = defineEntity({
  name: 'sessions',
  properties: {
    id: uuid().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    generation: integer().default(0),
    seed_hash: bytes(),
    seed_sealed: bytes(),
    rotated_at: instant(),
    idle_expires_at: instant(),
    expires_at: instant(),
    auth_time: instant(),
    amr: raw('text[]'),
    device_id: uuid().nullable(),
    ip: text().nullable(),
    user_agent: text().nullable(),
    created_at: instant(),
    ended_at: instant().nullable(),
    end_reason: text().nullable(),
  },
  // No index on a column that a refresh or a logout writes, so that both stay heap-only updates.
  indexes: [{ properties: 'user_id' }, { properties: 'expires_at' }],
});

export const revokedTokens = defineEntity({
  name: 'revoked_tokens',
  properties: { jti: uuid().primary(), expires_at: instant() },
  indexes: [{ properties: 'expires_at' }],
});
