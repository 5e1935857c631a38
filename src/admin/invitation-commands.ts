import type { Command } from 'commander';
import { type InvitationBody, invite, listInvitations, revokeInvitation } from '../invitations/invite.ts';
import { collect, type Open, printable, withWorld } from '../platform/command-world.ts';
import { Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { requireKnownRoles } from './known-roles.ts';
import { type ListOptions, listing, printList } from './list-commands.ts';

/** `invitations create|list|revoke`. */
export function registerInvitationCommands(program: Command, open: Open): void {
  const invitations = program.command('invitations').description('invitations to make an account');

  invitations
    .command('create')
    .description('mails a link that makes an account; replaces an earlier invitation to the same address')
    .argument('<email>', 'the address, which is verified when the invitation is accepted')
    .option('--role <name>', 'with this role in addition to user; may be repeated', collect, [])
    .action((email: string, { role }: { role: string[] }) =>
      withWorld(open, async deps => {
        await requireKnownRoles(deps, role);
        const roles = ['user', ...role];
        return [lineOf(await invite(deps, await operatorGranter(deps.db), { email, roles }))];
      }),
    );

  listing(invitations.command('list'))
    .description('open invitations, the newest first')
    .action((options: ListOptions) =>
      withWorld(open, async deps => {
        await printList(options, page => listInvitations(deps, page), lineOf);
        return [];
      }),
    );

  invitations
    .command('revoke')
    .description('withdraws an invitation: its link stops working')
    .argument('<id>', 'its id, as `invitations list` shows it')
    .action((id: string) =>
      withWorld(open, async deps => {
        const invitation = readUuid(id);
        if (invitation === null) throw new Problem('invitation_not_found');
        await revokeInvitation(deps, await operatorGranter(deps.db), invitation);
        return ['The invitation is withdrawn.'];
      }),
    );
}

const lineOf = ({ id, email, roles, expires_at }: InvitationBody) =>
  [id, printable(email), roles.join(','), `until ${expires_at}`].join('  ');
