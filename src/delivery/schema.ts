import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { bytes, instant, integer, json, ofOwner, oneOf, text, uuid } from '../platform/migrations/columns.ts';

export const outbox = defineEntity({
  name: 'outbox',
  properties: {
    id: uuid().primary(),
    channel: oneOf('mail', 'sms'),
    template: text(),
    recipient: text(),
    user_id: () => ofOwner(users, 'user_id').nullable(),
    params: json().defaultRaw("'{}'"),
    secrets_sealed: bytes().nullable(),
    expires_at: instant().nullable(),
    attempts: integer().default(0),
    next_attempt_at: instant(),
    claimed_until: instant().nullable(),
    created_at: instant(),
    sent_at: instant().nullable(),
    dead_at: instant().nullable(),
    last_error: text().nullable(),
  },
  indexes: [
    { name: 'outbox_due_idx', properties: 'next_attempt_at', where: 'sent_at is null and dead_at is null' },
    { properties: 'created_at' },
    { properties: 'user_id' },
  ],
});

export const smsBudgets = defineEntity({
  name: 'sms_budgets',
  properties: { key: bytes().primary(), window_started_at: instant(), sent: integer() },
});
