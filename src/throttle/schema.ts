import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { bytes, instant, integer, ofOwner, raw, text, uuid } from '../platform/migrations/columns.ts';

export const lockouts = defineEntity({
  name: 'lockouts',
  properties: {
    subject: bytes().primary(),
    user_id: () => ofOwner(users, 'user_id').nullable(),
    failures: integer(),
    window_started_at: instant(),
    // Failures since the last success, over all windows.
    in_a_row: integer().default(0),
    locks: integer().default(0),
    locked_until: instant().nullable(),
    last_failure_at: instant(),
    notified_at: instant().nullable(),
    // After this day the row means nothing any more.
    kept_until: raw('date').defaultRaw('(CURRENT_DATE + 3)'),
  },
  // No index on a column that each attempt changes, so that an attempt stays a heap-only update.
  indexes: [{ properties: 'user_id' }, { properties: 'kept_until' }],
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
  // Each login from an unknown device looks for its name, among all the devices left by robots that keep no device token.
  indexes: [{ properties: ['user_id', 'name'] }],
});
