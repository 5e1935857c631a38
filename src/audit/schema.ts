import { defineEntity } from '@mikro-orm/core';
import {
  bigint,
  bytes,
  instant,
  integer,
  json,
  oneOf,
  raw,
  text,
  uuid,
} from '../platform/migrations/columns.ts';

export const auditKeys = defineEntity({
  name: 'audit_keys',
  properties: {
    user_id: uuid().primary(),
    secret: bytes().nullable(),
    key_sealed: bytes().nullable(),
    created_at: instant(),
    erased_at: instant().nullable(),
  },
  checks: [
    {
      name: 'audit_keys_erased_at_check',
      expression: '(secret is null and key_sealed is null) = (erased_at is not null)',
    },
  ],
  indexes: [{ name: 'audit_keys_sealed_idx', properties: 'user_id', where: 'key_sealed is not null' }],
});

export const auditEvents = defineEntity({
  name: 'audit_events',
  properties: {
    created_at: instant().primary(),
    id: uuid().primary(),
    epoch: integer().defaultRaw('audit_epoch()'),
    transaction_id: raw('xid8').defaultRaw('pg_current_xact_id()'),
    type: text(),
    outcome: raw('audit_outcome'),
    reason: text().nullable(),
    actor_kind: raw('audit_actor_kind'),
    actor_id: uuid().nullable(),
    user_id: uuid().nullable(),
    session_id: uuid().nullable(),
    request_id: text().nullable(),
    data: json().defaultRaw("'{}'"),
    personal_sealed: bytes().nullable(),
  },
  partitionBy: {
    type: 'range',
    expression: 'created_at',
    partitions: [{ name: 'audit_events_default', values: 'default' }],
  },
  indexes: [
    {
      name: 'audit_events_user_id_created_at_idx',
      properties: ['user_id', 'created_at'],
      columns: [{ name: 'user_id' }, { name: 'created_at', sort: 'desc' }],
    },
    {
      name: 'audit_events_type_created_at_idx',
      properties: ['type', 'created_at'],
      columns: [{ name: 'type' }, { name: 'created_at', sort: 'desc' }],
    },
    { properties: 'transaction_id' },
    // What people did to others: few events, so the others do not pay for this index.
    {
      name: 'audit_events_acts_idx',
      properties: ['actor_id', 'created_at'],
      columns: [{ name: 'actor_id' }, { name: 'created_at', sort: 'desc' }],
      where: "actor_kind = 'user' and actor_id is distinct from user_id",
    },
  ],
});

export const auditSigningKeys = defineEntity({
  name: 'audit_signing_keys',
  properties: { name: text().primary(), private_key_sealed: bytes(), created_at: instant() },
});

export const auditBatches = defineEntity({
  name: 'audit_batches',
  properties: {
    number: bigint().primary().autoincrement(false),
    epoch: integer(),
    kind: oneOf('range', 'epoch_end'),
    from_transaction: raw('xid8'),
    to_transaction: raw('xid8'),
    event_count: integer(),
    newest_event_at: instant(),
    entries: bytes(),
    previous_hash: bytes(),
    hash: bytes(),
    signature: bytes(),
    created_at: instant(),
  },
});

export const auditPrunings = defineEntity({
  name: 'audit_prunings',
  properties: {
    events_before: instant().primary(),
    through_batch: bigint(),
    through_hash: bytes(),
    signature: bytes(),
    created_at: instant(),
  },
});
