import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import {
  bytes,
  flag,
  instant,
  integer,
  json,
  ofOwner,
  oneOf,
  text,
  uuid,
} from '../platform/migrations/columns.ts';

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
    awaited: flag().default(false),
    attempts: integer().default(0),
    next_attempt_at: instant(),
    claimed_until: instant().nullable(),
    created_at: instant(),
    sent_at: instant().nullable(),
    dead_at: instant().nullable(),
    last_error: text().nullable(),
  },
  // Sent and unsent messages are kept for different times and counted separately, so each kind has a partial index of its own.
  // Neither a channel at a standstill, nor dead messages, nor many that nobody waits for stand in the way of the rest.
  indexes: [
    {
      name: 'outbox_due_idx',
      properties: ['channel', 'awaited', 'next_attempt_at'],
      // Spelt as no other index is: as a rule all are empty, and a plan made then would keep to any, and read all of it later.
      where: 'coalesce(sent_at, dead_at) is null',
    },
    { name: 'outbox_sent_idx', properties: 'created_at', where: 'sent_at is not null' },
    { name: 'outbox_unsent_idx', properties: 'created_at', where: 'sent_at is null' },
    { name: 'outbox_secrets_idx', properties: 'expires_at', where: 'secrets_sealed is not null' },
    { properties: 'user_id' },
  ],
});

/** What is counted in windows of time: text messages (sms-budget.ts), and the turns of mails (an-hour.ts, at-once.ts). */
export const smsBudgets = defineEntity({
  name: 'sms_budgets',
  properties: { key: bytes().primary(), window_started_at: instant(), sent: integer() },
  // This column is written once per window, so counting within the window stays a heap-only update.
  indexes: [{ properties: 'window_started_at' }],
});
