import { defineEntity } from '@mikro-orm/core';
import { users } from '../accounts/schema.ts';
import { flag, instant, ofOwner, text, uuid } from '../platform/migrations/columns.ts';

export const permissions = defineEntity({
  name: 'permissions',
  properties: {
    name: text().primary(),
    description: text(),
    built_in: flag().default(false),
    created_at: instant(),
  },
});

export const roles = defineEntity({
  name: 'roles',
  properties: {
    name: text().primary(),
    description: text(),
    built_in: flag().default(false),
    mfa_required: flag().default(false),
    created_at: instant(),
  },
});

export const rolePermissions = defineEntity({
  name: 'role_permissions',
  properties: {
    role_name: () => ofOwner(roles, 'role_name').updateRule('cascade').primary(),
    permission_name: () => ofOwner(permissions, 'permission_name').primary(),
  },
  indexes: [{ properties: 'permission_name' }],
});

export const userRoles = defineEntity({
  name: 'user_roles',
  properties: {
    user_id: () => ofOwner(users, 'user_id').primary(),
    role_name: () => ofOwner(roles, 'role_name').updateRule('cascade').primary(),
    granted_at: instant(),
  },
  indexes: [{ properties: 'role_name' }],
});

/** One row; triggers renew it with every change of `roles` and `role_permissions`. */
export const roleVersions = defineEntity({
  name: 'role_versions',
  properties: { single: flag().primary().default(true), version: uuid() },
  checks: [{ name: 'role_versions_single_check', expression: 'single' }],
});
