import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { instant, ofOwner, text } from '../platform/migrations/columns.ts';

export const identities = defineEntity({
  name: 'identities',
  properties: {
    issuer: text().primary(),
    subject: text().primary(),
    user_id: () => ofOwner(users, 'user_id'),
    provider: text(),
    email: text().nullable(),
    created_at: instant(),
    last_used_at: instant().nullable(),
  },
  indexes: [{ properties: 'user_id' }],
});
