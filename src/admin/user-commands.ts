import { type Command, Option } from 'commander';
import { presentUser, type UserBody } from '../accounts/account.ts';
import { ownerOf } from '../passwords/own-words.ts';
import { collect, type Open, printable, withWorld } from '../platform/command-world.ts';
import type { Deps } from '../platform/deps.ts';
import { rolesOfUser } from '../rbac/effective.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { setUserRoles } from './act-on-user.ts';
import { changeUser } from './change-user.ts';
import { choosePassword } from './choose-password.ts';
import { createUser } from './create-user.ts';
import { requireKnownRoles } from './known-roles.ts';
import { type ListOptions, listing, printList } from './list-commands.ts';
import { listUsers } from './list-users.ts';
import { namedAccount } from './named-account.ts';
import { setPasswordOf } from './set-password.ts';

const NAME = 'an id, an address or a username';

interface CreateOptions {
  readonly admin: boolean;
  readonly role: string[];
  readonly firstName?: string;
  readonly lastName?: string;
  readonly username?: string;
  readonly phone?: string;
  readonly mail: boolean;
  readonly passwordStdin: boolean;
  readonly password?: string;
  readonly email?: string;
}

interface UserListOptions extends ListOptions {
  readonly query?: string;
  readonly role?: string;
  readonly disabled?: true;
}

const PASSWORD = [
  '--password <password>',
  'the password; others on this machine can see it while the command runs',
] as const;
const passwordStdin = () =>
  new Option('--password-stdin', 'read the password from standard input')
    .default(false)
    .conflicts('password');

/** `users create|list|show|disable|enable|set-roles|set-password`. */
export function registerUserCommands(users: Command, open: Open): void {
  users
    .command('create')
    .description('makes an account; asks for a password, or makes one and shows it once')
    .argument('[email]', 'the address, which counts as verified unless --mail is given')
    .option('--email <address>', 'the address, as an option')
    .option('--admin', 'with the role admin', false)
    .option('--role <name>', 'with this role in addition to user; may be repeated', collect, [])
    .option(
      '--first-name <name>',
      'the first name; if no name is given, Administrator with --admin, else the part of the address before the @',
    )
    .option('--last-name <name>', 'the last name')
    .option('--username <name>', 'a username other than the address')
    .option('--phone <number>', 'the phone number')
    .addOption(
      new Option('--mail', 'no password: mail a link that sets one')
        .default(false)
        .conflicts(['password', 'passwordStdin']),
    )
    .addOption(passwordStdin())
    .option(...PASSWORD)
    .action((argument: string | undefined, options: CreateOptions, command: Command) => {
      const email = argument ?? options.email;
      if (email === undefined) return command.error('error: name the address of the account');
      if (argument !== undefined && options.email !== undefined)
        return command.error('error: name the address once: as the argument, or with --email');
      return withWorld(open, deps => create(deps, email, options));
    });

  listing(users.command('list'))
    .description('accounts, the newest first')
    .option('--query <text>', 'only those whose address, username or name begins like this')
    .option('--role <name>', 'only those with this role')
    .option('--disabled', 'only disabled ones')
    .action(({ query: q, role, disabled, ...options }: UserListOptions) =>
      withWorld(open, async deps => {
        if (role !== undefined) await requireKnownRoles(deps, [role]);
        await printList(options, page => listUsers(deps, { q, role, disabled, ...page }), lineOf);
        return [];
      }),
    );

  users
    .command('show')
    .description('one account as JSON')
    .argument('<user>', NAME)
    .action((name: string) =>
      withWorld(open, async deps => {
        const account = await namedAccount(deps, name);
        return [JSON.stringify(presentUser(account, await rolesOfUser(deps.db, account.id)), null, 2)];
      }),
    );

  for (const disabled of [true, false]) {
    users
      .command(disabled ? 'disable' : 'enable')
      .description(
        disabled
          ? 'ends every session of a user, who can no longer log in'
          : 'lets a disabled user log in again',
      )
      .argument('<user>', NAME)
      .action((name: string) =>
        withWorld(open, async deps => {
          const { id } = await namedAccount(deps, name);
          return [lineOf(await changeUser(deps, await operatorGranter(deps.db), id, { disabled }))];
        }),
      );
  }

  users
    .command('set-roles')
    .description('replaces the roles of an account with these')
    .argument('<user>', NAME)
    .argument('[roles...]', 'role names, separated by blanks or commas')
    .option('--none', 'takes every role away', false)
    .action((name: string, words: string[], { none }: { none: boolean }, command: Command) => {
      const roles = words.flatMap(word => word.split(/[\s,]+/)).filter(role => role !== '');
      if (none === roles.length > 0)
        return command.error('error: name the roles that the account shall have, or --none for no role');
      return withWorld(open, async deps => {
        const { id } = await namedAccount(deps, name);
        await requireKnownRoles(deps, roles);
        return [lineOf(await setUserRoles(deps, await operatorGranter(deps.db), id, roles))];
      });
    });

  users
    .command('set-password')
    .description('sets a password and ends every session; asks for it, or makes one and shows it once')
    .argument('<user>', NAME)
    .addOption(passwordStdin())
    .option(...PASSWORD)
    .action((name: string, choice: { passwordStdin: boolean; password?: string }) =>
      withWorld(open, async deps => {
        const account = await namedAccount(deps, name);
        const { hash, made } = await choosePassword(deps, choice, ownerOf(account));
        await setPasswordOf(deps, await operatorGranter(deps.db), { account, hash });
        return ['The password is set, and every session has ended.', ...shown(made)];
      }),
    );
}

async function create(deps: Deps, email: string, options: CreateOptions): Promise<string[]> {
  const { admin, role, username, phone, mail } = options;
  await requireKnownRoles(deps, role);
  const { firstName, lastName } = namesOf(email, options);
  const owner = { email, username, names: [firstName, lastName ?? ''] };
  const chosen = mail ? null : await choosePassword(deps, options, owner);
  const user = await createUser(
    deps,
    await operatorGranter(deps.db),
    {
      email,
      first_name: firstName,
      last_name: lastName,
      username,
      phone_number: phone,
      roles: ['user', ...(admin ? ['admin'] : []), ...role],
    },
    { verified: !mail, passwordHash: chosen?.hash ?? null },
  );
  return [
    lineOf(user),
    ...(mail ? ['A link that sets a password is on its way.'] : shown(chosen?.made ?? null)),
  ];
}

// Mails greet people by their first name: only an administrator may be called Administrator, as the one that a start makes.
function namesOf(email: string, { admin, firstName, lastName }: CreateOptions) {
  if (admin && firstName === undefined && lastName === undefined) return { firstName: 'Administrator' };
  return { firstName: firstName ?? email.slice(0, email.lastIndexOf('@')), lastName };
}

const shown = (made: string | null) => (made === null ? [] : [`Password: ${made}`]);

const lineOf = ({ id, email, full_name, roles, disabled }: UserBody) =>
  [id, printable(email), printable(full_name), roles.join(','), ...(disabled ? ['disabled'] : [])].join('  ');
