import { defineEntity } from '@mikro-orm/core';
import { flag, instant, ofOwner, oneOf, text, uuid } from '../platform/migrations/columns.ts';

export const users = defineEntity({
  name: 'users',
  properties: {
    id: uuid().primary(),
    email: text(),
    username: text(),
    first_name: text(),
    last_name: text(),
    full_name: text(),
    phone_number: text().nullable(),
    disabled_at: instant().nullable(),
    email_verified_at: instant().nullable(),
    pending_email: text().nullable(),
    mfa_enabled: flag().default(false),
    last_login_at: instant().nullable(),
    created_at: instant(),
    updated_at: instant(),
  },
  indexes: [
    { properties: ['created_at', 'id'] },
    { name: 'users_disabled_idx', properties: ['created_at', 'id'], where: 'disabled_at is not null' },
    {
      name: 'users_full_name_prefix_idx',
      expression: 'create index users_full_name_prefix_idx on users (lower(full_name) text_pattern_ops)',
    },
    {
      name: 'users_last_name_prefix_idx',
      expression: 'create index users_last_name_prefix_idx on users (lower(last_name) text_pattern_ops)',
    },
  ],
});

export const identifiers = defineEntity({
  name: 'identifiers',
  properties: {
    key: text().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    kind: oneOf('email', 'username', 'reserved'),
    reserved_until: instant().nullable(),
    // For an address that is kept for its former owner: when it was verified.
    verified_at: instant().nullable(),
  },
  checks: [
    {
      name: 'identifiers_reserved_until_check',
      expression: "(kind = 'reserved') = (reserved_until is not null)",
    },
  ],
  indexes: [
    { properties: 'user_id' },
    {
      name: 'identifiers_key_prefix_idx',
      expression: 'create index identifiers_key_prefix_idx on identifiers (key text_pattern_ops)',
    },
  ],
  uniques: [
    { name: 'identifiers_one_email_idx', properties: 'user_id', where: "kind = 'email'" },
    { name: 'identifiers_one_username_idx', properties: 'user_id', where: "kind = 'username'" },
  ],
});
