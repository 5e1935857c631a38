import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { pageBody, pageQuery } from '../platform/http/paging.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { invalid } from '../platform/problems.ts';
import { createRole } from '../rbac/create-role.ts';
import { deleteRole } from '../rbac/delete-role.ts';
import { effectiveGrants, provenIn } from '../rbac/effective.ts';
import { createPermission, deletePermission, listPermissions, permissionBody } from '../rbac/permission.ts';
import { PERMISSION_NAME, ROLE_NAME, roleBody } from '../rbac/role.ts';
import { findRole, listRoles } from '../rbac/role-reading.ts';
import { updateRole } from '../rbac/update-role.ts';
import { principalOf, userOf } from '../sessions/principal.ts';

const description = Type.String({ maxLength: 500, default: '' });
const permissionNames = Type.Array(Type.String({ maxLength: 130 }), { maxItems: 500, uniqueItems: true });
const byName = Type.Object({ name: Type.String({ maxLength: 130 }) });
const reading = { access: { permission: 'roles:read' }, limit: 'admin' } as const;
const writing = { access: { permission: 'roles:write' }, recent: true, limit: 'admin' } as const;

/** Roles and permissions, for administrators, and the caller's own permissions. */
export function routes(app: App, deps: Deps): void {
  app.get(
    '/users/me/permissions',
    {
      config: { access: 'user' },
      schema: {
        tags: ['Users'],
        summary: 'What I may do',
        response: {
          200: Type.Object({ roles: Type.Array(Type.String()), permissions: Type.Array(Type.String()) }),
        },
      },
    },
    request => {
      const { userId, sessionId } = userOf(request);
      return effectiveGrants(deps.db, { userId, proven: provenIn(sessionId) });
    },
  );

  app.get(
    '/permissions',
    {
      config: reading,
      schema: {
        tags: ['Roles'],
        summary: 'Permissions',
        querystring: pageQuery,
        response: { 200: pageBody(permissionBody) },
      },
    },
    request => listPermissions(deps, request.query),
  );

  app.post(
    '/permissions',
    {
      config: { ...writing, problems: ['permission_exists', 'permission_limit_reached'] },
      schema: {
        tags: ['Roles'],
        summary: 'Make a permission',
        description: 'Administrators hold it from then on.',
        body: Type.Object(
          { name: Type.String({ pattern: PERMISSION_NAME, examples: ['reports:read'] }), description },
          exact,
        ),
        response: { 201: permissionBody },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await createPermission(deps, principalOf(request), request.body)),
  );

  app.delete(
    '/permissions/:name',
    {
      config: {
        ...writing,
        problems: [
          'permission_not_found',
          'permission_built_in',
          'grant_exceeds_own',
          'target_outranks_caller',
        ],
      },
      schema: {
        tags: ['Roles'],
        summary: 'Remove a permission from every role and client',
        params: byName,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await deletePermission(deps, principalOf(request), request.params.name);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/roles',
    {
      config: reading,
      schema: {
        tags: ['Roles'],
        summary: 'Roles',
        querystring: pageQuery,
        response: { 200: pageBody(roleBody) },
      },
    },
    request => listRoles(deps, request.query),
  );

  app.post(
    '/roles',
    {
      config: { ...writing, problems: ['role_exists', 'grant_exceeds_own'] },
      schema: {
        tags: ['Roles'],
        summary: 'Make a role',
        description: 'You can put only permissions that you hold into it.',
        body: Type.Object(
          {
            name: Type.String({ pattern: ROLE_NAME }),
            description,
            permissions: Type.Array(Type.String({ maxLength: 130 }), {
              maxItems: 500,
              uniqueItems: true,
              default: [],
            }),
            mfa_required: Type.Boolean({ default: false }),
          },
          exact,
        ),
        response: { 201: roleBody },
      },
    },
    async (request, reply) => {
      const { mfa_required, ...role } = request.body;
      const made = await createRole(deps, principalOf(request), { ...role, mfaRequired: mfa_required });
      return reply.code(201).send(made);
    },
  );

  app.get(
    '/roles/:name',
    {
      config: { ...reading, problems: ['role_not_found'] },
      schema: { tags: ['Roles'], summary: 'One role', params: byName, response: { 200: roleBody } },
    },
    request => findRole(deps, request.params.name),
  );

  app.put(
    '/roles/:name',
    {
      config: {
        ...writing,
        problems: ['role_not_found', 'role_built_in', 'grant_exceeds_own', 'target_outranks_caller'],
      },
      schema: {
        tags: ['Roles'],
        summary: 'Replace the description and permissions of a role',
        params: byName,
        body: Type.Object(
          {
            name: Type.Optional(Type.String({ maxLength: 130, description: 'As in the path.' })),
            description,
            permissions: permissionNames,
            mfa_required: Type.Optional(Type.Boolean()),
          },
          exact,
        ),
        response: { 200: roleBody },
      },
    },
    async request => {
      const { name, description: text, permissions, mfa_required } = request.body;
      if (name !== undefined && name !== request.params.name)
        throw invalid('name', 'value_error', 'The name of a role cannot be changed.');
      return updateRole(deps, principalOf(request), request.params.name, {
        description: text,
        permissions,
        mfaRequired: mfa_required,
      });
    },
  );

  app.delete(
    '/roles/:name',
    {
      config: { ...writing, problems: ['role_not_found', 'role_built_in', 'target_outranks_caller'] },
      schema: {
        tags: ['Roles'],
        summary: 'Remove a role from everybody',
        params: byName,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await deleteRole(deps, principalOf(request), request.params.name);
      return reply.code(204).send(null);
    },
  );
}
