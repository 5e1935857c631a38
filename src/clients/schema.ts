import { defineEntity } from '@mikro-orm/core';
import { bytes, instant, ofOwner, text, uuid } from '../platform/migrations/columns.ts';
import { permissions } from '../rbac/schema.ts';

export const clients = defineEntity({
  name: 'clients',
  properties: {
    id: uuid().primary(),
    name: text().unique(),
    secret_hash: bytes(),
    previous_secret_hash: bytes().nullable(),
    previous_secret_expires_at: instant().nullable(),
    created_at: instant(),
    last_used_at: instant().nullable(),
  },
});

export const clientPermissions = defineEntity({
  name: 'client_permissions',
  properties: {
    client_id: () => ofOwner(clients, 'client_id').primary(),
    permission_name: () => ofOwner(permissions, 'permission_name').primary(),
  },
  indexes: [{ properties: 'permission_name' }],
});
