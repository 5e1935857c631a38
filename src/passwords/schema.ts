import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { flag, instant, ofOwner, text, uuid } from '../platform/migrations/columns.ts';

export const passwords = defineEntity({
  name: 'passwords',
  properties: {
    user_id: () => ofOwner(users, 'user_id').primary(),
    hash: text(),
    changed_at: instant(),
    weak: flag().default(false),
  },
});

export const passwordHistory = defineEntity({
  name: 'password_history',
  properties: {
    id: uuid().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    hash: text(),
    created_at: instant(),
  },
  indexes: [{ properties: ['user_id', 'created_at'] }],
});
