import type { Command } from 'commander';
import { collect, type Open, printable, withWorld } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { createRole } from '../rbac/create-role.ts';
import { deleteRole } from '../rbac/delete-role.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { createPermission, deletePermission, listPermissions } from '../rbac/permission.ts';
import type { RoleBody } from '../rbac/role.ts';
import { findRole, listRoles } from '../rbac/role-reading.ts';
import { updateRole } from '../rbac/update-role.ts';
import { LIST_MAX, printList } from './list-commands.ts';

interface RoleOptions {
  readonly permission?: string[];
  readonly description?: string;
  readonly requireMfa?: boolean;
}

const ALL = { limit: LIST_MAX, all: true, json: false };

/** `roles list|show|create|update|delete` and `permissions list|create|delete`. */
export function registerRoleCommands(program: Command, open: Open): void {
  const roles = program.command('roles').description('roles: what people may do');
  roles
    .command('list')
    .description('every role with its permissions')
    .action(() =>
      withWorld(open, async deps => {
        await printList(ALL, page => listRoles(deps, page), lineOf);
        return [];
      }),
    );
  roles
    .command('show')
    .description('one role as JSON')
    .argument('<name>')
    .action((name: string) =>
      withWorld(open, async deps => [JSON.stringify(await findRole(deps, name), null, 2)]),
    );
  described(roles.command('create').description('makes a role')).action(
    (name: string, options: RoleOptions) =>
      withWorld(open, async deps => [
        lineOf(
          await createRole(deps, await operatorGranter(deps.db), {
            name,
            description: options.description ?? '',
            permissions: options.permission ?? [],
            mfaRequired: options.requireMfa ?? false,
          }),
        ),
      ]),
  );
  described(
    roles.command('update').description('changes a role; the given permissions replace the former ones'),
  ).action((name: string, options: RoleOptions, command: Command) => {
    if (Object.keys(options).length === 0)
      return command.error(
        'error: say what to change: --permission, --description, --require-mfa or --no-require-mfa',
      );
    return withWorld(open, async deps => [lineOf(await change(deps, name, options))]);
  });
  roles
    .command('delete')
    .description('removes a role from everybody')
    .argument('<name>')
    .action((name: string) =>
      withWorld(open, async deps => {
        await deleteRole(deps, await operatorGranter(deps.db), name);
        return ['Removed.'];
      }),
    );

  const permissions = program.command('permissions').description('permissions, named resource:action');
  permissions
    .command('list')
    .description('every permission')
    .action(() =>
      withWorld(open, async deps => {
        const line = ({ name, description }: { name: string; description: string }) =>
          `${name.padEnd(20)}  ${printable(description)}`;
        await printList(ALL, page => listPermissions(deps, page), line);
        return [];
      }),
    );
  permissions
    .command('create')
    .description('makes a permission, which every administrator then holds')
    .argument('<name>')
    .option('--description <text>', 'what it permits', '')
    .action((name: string, { description }: { description: string }) =>
      withWorld(open, async deps => {
        await createPermission(deps, await operatorGranter(deps.db), { name, description });
        return ['Made.'];
      }),
    );
  permissions
    .command('delete')
    .description('removes a permission from every role and client')
    .argument('<name>')
    .action((name: string) =>
      withWorld(open, async deps => {
        await deletePermission(deps, await operatorGranter(deps.db), name);
        return ['Removed.'];
      }),
    );
}

const described = (command: Command) =>
  command
    .argument('<name>')
    .option('--permission <name>', 'may be repeated', collect)
    .option('--description <text>', 'what it is for')
    .option('--require-mfa', 'the role permits nothing without a second factor')
    .option('--no-require-mfa', 'the role needs no second factor');

async function change(deps: Deps, name: string, options: RoleOptions): Promise<RoleBody> {
  const before = await findRole(deps, name);
  return updateRole(deps, await operatorGranter(deps.db), name, {
    description: options.description ?? before.description,
    permissions: options.permission ?? before.permissions,
    mfaRequired: options.requireMfa,
  });
}

const lineOf = ({ name, permissions, mfa_required }: RoleBody) =>
  `${name.padEnd(16)}  ${permissions.join(' ')}${mfa_required ? '  (needs a second factor)' : ''}`;
