import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { bytes, instant, integer, ofOwner, text, uuid } from '../platform/migrations/columns.ts';

export const lockouts = defineEntity({
  name: 'lockouts',
  properties: {
    subject: bytes().primary(),
    user_id: () => ofOwner(users, 'user_id').nullable(),
    failures: integer(),
    window_started_at: instant(),
    locks: integer().default(0),
    locked_until: instant().nullable(),
    last_failure_at: instant(),
    notified_at: instant().nullable(),
  },
  indexes: [{ properties: 'user_id' }, { properties: 'last_failure_at' }],
});

export const knownDevices = defineEntity({
  name: 'known_devices',
  properties: {
    id: uuid().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    name: text(),
    created_at: instant(),
    last_seen_at: instant(),
  },
  indexes: [{ properties: 'user_id' }],
});
