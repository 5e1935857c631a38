import type { Command } from 'commander';
import { type Open, withWorld } from '../platform/command-world.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { logoutUser } from './act-on-user.ts';
import { registerInvitationCommands } from './invitation-commands.ts';
import { namedAccount } from './named-account.ts';
import { registerRoleCommands } from './role-commands.ts';
import { registerTransferCommands } from './transfer-commands.ts';
import { registerUserCommands } from './user-commands.ts';

/** `users …`, `roles …`, `permissions …`, `invitations …` and `sessions revoke`. */
export function register(program: Command, open: Open): void {
  const users = program.command('users').description('accounts');
  registerUserCommands(users, open);
  registerTransferCommands(users, open);
  registerRoleCommands(program, open);
  registerInvitationCommands(program, open);

  const sessions = program.command('sessions').description('where people are logged in');
  sessions
    .command('revoke')
    .description('ends every session of a user, on every replica')
    .argument('<user>', 'an id, an address or a username')
    .action((name: string) =>
      withWorld(open, async deps => {
        const { id } = await namedAccount(deps, name);
        const count = await logoutUser(deps, await operatorGranter(deps.db), id);
        return [`Ended: ${count}.`];
      }),
    );
}
