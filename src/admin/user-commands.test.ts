import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { runCommand } from '../../test/support/command.ts';
import type { Config } from '../platform/config.ts';
import { sql } from '../platform/sql.ts';
import { register } from './commands.ts';
import { importUsers } from './import-users.ts';
import { readRecords } from './read-records.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());
afterEach(() => {
  process.exitCode = undefined;
});

const run = (...words: string[]) => runCommand(register, world.deps, words);

test('users create calls nobody an administrator who is none', async () => {
  const line = async (...words: string[]) =>
    (await run('users', 'create', ...words, '--password', 'Horse-battery-9')).split('  ').slice(1, 4);
  expect(await line('grace.h@example.com')).toEqual(['grace.h@example.com', 'grace.h', 'user\n']);
  expect(await line('joan@example.com', '--last-name', 'Clarke')).toEqual([
    'joan@example.com',
    'joan Clarke',
    'user\n',
  ]);
  expect(await line('mary@example.com', '--admin', '--first-name', 'Mary')).toEqual([
    'mary@example.com',
    'Mary',
    'admin,user\n',
  ]);
});

test('a list that is cut off says so, and --all goes on to the end', async () => {
  const before = (await run('users', 'list', '--all')).split('\n').length - 1;
  const lines = Array.from({ length: 203 }, (_, index) =>
    JSON.stringify({ email: `many${index}@example.com` }),
  );
  await importUsers(world.deps, readRecords(Readable.from([lines.join('\n')])), {
    dryRun: false,
    createRoles: false,
    onBad: (line, reason) => expect.fail(`${line}: ${reason}`),
    onUnknown: column => expect.fail(column),
  });
  const hint = 'There are more: --all lists all of them.';
  const listed = (await run('users', 'list')).split('\n');
  expect([listed.length, listed[50]]).toEqual([52, hint]);
  const all = (await run('users', 'list', '--all', '--json')).trim().split('\n');
  expect(new Set(all.map(line => JSON.parse(line).email)).size).toBe(203 + before);
  expect(await run('users', 'list', '--query', 'many20', '--limit', '4')).not.toContain(hint);
  await expect(run('users', 'list', '--limit', '1e2')).rejects.toThrow('a whole number from 1 to 200');
  await expect(run('users', 'list', '--all', '--limit', '7')).rejects.toThrow(
    "option '--all' cannot be used with option '--limit <count>'",
  );
  await expect(run('users', 'list', '--limit', '201')).rejects.toThrow('--all lists all of them');
  for (const name of ['one', 'two']) await run('invitations', 'create', `${name}@example.com`);
  expect(await run('invitations', 'list', '--limit', '1')).toContain(hint);
  expect((await run('invitations', 'list', '--all')).trim().split('\n')).toHaveLength(2);
});

test('users list refuses a role that nobody made, which would look like one that nobody has', async () => {
  await expect(run('users', 'list', '--role', 'nope')).rejects.toThrow(
    'There is no role "nope": "roles list" shows every role.',
  );
  expect(await run('users', 'list', '--role', 'admin')).toContain('mary@example.com');
});

test.each([
  'users create a@example.com --admin --role nope --password Horse-battery-9',
  'users set-roles mary@example.com user admin nope',
  'invitations create a@example.com --role user --role nope',
])('%s names the role that nobody made, not its place among those that it asks for', async words => {
  await expect(run(...words.split(' '))).rejects.toThrow('There is no role "nope": "roles list" shows every');
});

test.each([
  ['users create a@example.com --email b@example.com', 'name the address once'],
  ['users create a@example.com --mail --password x', "'--mail' cannot be used with option '--password"],
  ['users create a@example.com --mail --password-stdin', "cannot be used with option '--password-stdin'"],
  ['users create a@example.com --password-stdin --password x', "cannot be used with option '--password "],
  ['users set-password mary@example.com --password-stdin --password x', 'cannot be used with option'],
  ['users set-roles mary@example.com', 'name the roles that the account shall have, or --none for no role'],
  ['users set-roles mary@example.com user --none', 'name the roles that the account shall have, or --none'],
  ['roles update user', 'say what to change: --permission, --description, --require-mfa or --no-require-mfa'],
])('%s is refused, and nothing is done', async (words, message) => {
  const state = async () => [
    await run('roles', 'list'),
    await world.deps.db.rows(sql`
      select email, hash, array(select role_name from user_roles r where r.user_id = u.id order by 1) as roles
      from users u left join passwords p on p.user_id = u.id order by email`),
  ];
  const before = await state();
  await expect(run(...words.split(' '))).rejects.toThrow(message);
  expect(await state()).toEqual(before);
});

test('users set-roles takes roles as users list shows them', async () => {
  await run('users', 'create', 'katherine@example.com', '--password', 'Horse-battery-9');
  expect(await run('users', 'set-roles', 'katherine@example.com', 'admin,user')).toMatch(/  admin,user\n$/);
  expect(await run('users', 'set-roles', 'katherine@example.com', 'user,', 'admin')).toMatch(
    /  admin,user\n$/,
  );
  expect(await run('users', 'set-roles', 'katherine@example.com', 'admin, user')).toMatch(/  admin,user\n$/);
  await expect(run('users', 'set-roles', 'katherine@example.com', ', ')).rejects.toThrow('name the roles');
});

test('users set-roles --none takes every role away', async () => {
  await run('users', 'create', 'alan@example.com', '--password', 'Horse-battery-9');
  expect(await run('users', 'set-roles', 'alan@example.com', '--none')).toMatch(/  alan {2}\n$/);
});

test('a password that is made is as long as the policy wants it', async () => {
  const made = async (change: Partial<Config['passwords']>, ...words: string[]) => {
    const { config } = world.deps;
    const deps = { ...world.deps, config: { ...config, passwords: { ...config.passwords, ...change } } };
    return /^Password: ([\w-]+-aA1)$/m.exec(await runCommand(register, deps, ['users', ...words]))?.[1];
  };
  expect(await made({ minLength: 100 }, 'create', 'patient@example.com')).toHaveLength(100);
  for (const [change, length] of [
    [{ minLength: 100 }, 100],
    [{ maxLength: 20 }, 20],
    [{}, 28],
  ] as const)
    expect(await made(change, 'set-password', 'patient@example.com')).toHaveLength(length);
});
