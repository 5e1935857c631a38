import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import {
  bigint,
  bytes,
  instant,
  json,
  ofOwner,
  oneOf,
  raw,
  text,
  uuid,
} from '../platform/migrations/columns.ts';

export const factors = defineEntity({
  name: 'factors',
  properties: {
    id: uuid().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    kind: oneOf('totp', 'sms', 'passkey'),
    name: text().default(''),
    secret_sealed: bytes().nullable(),
    phone_number: text().nullable(),
    credential: json().nullable(),
    last_step: bigint().nullable(),
    spent_steps: raw('bigint[]').defaultRaw("'{}'"),
    created_at: instant(),
    confirmed_at: instant().nullable(),
    last_used_at: instant().nullable(),
  },
  indexes: [
    { properties: 'user_id' },
    {
      name: 'factors_credential_id_idx',
      expression:
        "create unique index factors_credential_id_idx on factors ((credential ->> 'id')) where kind = 'passkey'",
    },
  ],
  uniques: [
    {
      name: 'factors_one_confirmed_idx',
      properties: ['user_id', 'kind'],
      where: "confirmed_at is not null and kind <> 'passkey'",
    },
  ],
});

export const recoveryCodes = defineEntity({
  name: 'recovery_codes',
  properties: {
    id: uuid().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    code_hash: bytes(),
    created_at: instant(),
    used_at: instant().nullable(),
  },
  indexes: [
    {
      name: 'recovery_codes_user_id_code_hash_idx',
      properties: ['user_id', 'code_hash'],
      expression:
        'create unique index recovery_codes_user_id_code_hash_idx on recovery_codes (user_id, code_hash)',
    },
  ],
});

export const factorRemovals = defineEntity({
  name: 'factor_removals',
  properties: {
    user_id: () => ofOwner(users, 'user_id').primary(),
    requested_at: instant(),
    /** Who asked last and answers for the removal: their rights are judged again when it is carried out. */
    requester_kind: oneOf('user', 'client', 'operator').nullable(),
    requester_id: uuid().nullable(),
    due_at: instant(),
  },
  indexes: [{ properties: 'due_at' }],
});
