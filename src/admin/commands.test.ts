import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { runCommand } from '../../test/support/command.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { acceptInvitation, logIn, person } from '../../test/support/people.ts';
import { register } from './commands.ts';

let world: TestApp;
let folder: string;
beforeAll(async () => {
  world = await testApp();
  folder = await mkdtemp(join(tmpdir(), 'accounts-'));
});
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  process.exitCode = undefined;
});

const run = (...words: string[]) => runCommand(register, world.deps, words);

function type(...chunks: (string | Buffer)[]): void {
  const stdin = Readable.from(chunks.map(chunk => Buffer.from(chunk as string)));
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(stdin as never);
}

test('users create --admin makes an administrator who can log in, with a password that is shown once', async () => {
  const output = await run('users', 'create', 'root@example.com', '--admin');
  expect(output).toMatch(/root@example\.com {2}Administrator {2}admin,user\n/);
  const password = /^Password: (\S+)$/m.exec(output)?.[1] as string;
  await logIn(world, { id: '', email: 'root@example.com', password });
  await expect(run('users', 'disable', 'root@example.com')).rejects.toThrow(
    'This is the last administrator.',
  );
});

test('a password on standard input is held to the policy, and setting one ends every session', async () => {
  const ada = await person(world, { email: 'ada@example.com' });
  const { access_token: token } = await logIn(world, ada);
  type('short\n');
  await expect(run('users', 'set-password', 'ADA@example.com', '--password-stdin')).rejects.toThrow(
    'password: Use at least 8 characters.',
  );
  type('Another-horse-9\n');
  await run('users', 'set-password', ada.id, '--password-stdin');
  expect((await world.call('GET', '/users/me', { token })).statusCode).toBe(401);
  await logIn(world, { ...ada, password: 'Another-horse-9' });
});

test('roles are made and given, accounts are disabled, enabled, shown and found, sessions revoked', async () => {
  const bob = await person(world, { email: 'bob@example.com' });
  await run('roles', 'create', 'support', '--permission', 'users:read', '--permission', 'audit:read');
  expect(await run('users', 'set-roles', 'bob@example.com', 'user', 'support')).toContain('support,user');
  const { access_token: token } = await logIn(world, bob);
  expect((await world.call('GET', '/users', { token })).statusCode).toBe(200);
  await run('roles', 'update', 'support', '--permission', 'audit:read');
  expect((await world.call('GET', '/users', { token })).statusCode).toBe(403);
  expect(await run('sessions', 'revoke', bob.id)).toBe('Ended: 1.\n');
  expect((await world.call('GET', '/users/me', { token })).statusCode).toBe(401);
  await run('users', 'disable', 'bob@example.com');
  expect(await run('users', 'list', '--disabled')).toContain('bob@example.com');
  expect(JSON.parse(await run('users', 'show', 'bob@example.com'))).toMatchObject({ disabled: true });
  await run('users', 'enable', 'bob@example.com');
  expect(await run('users', 'list', '--disabled')).toBe('');
  await expect(run('users', 'show', 'nobody@example.com')).rejects.toThrow('There is no such user.');
  await expect(run('roles', 'delete', 'admin')).rejects.toThrow('A built-in role');
});

test('export writes a file that only its owner reads, and import names bad lines and ends with 1', async () => {
  const file = join(folder, 'users.ndjson');
  await writeFile(file, 'of before, for everybody', { mode: 0o644 });
  const link = join(folder, 'latest.ndjson');
  await symlink(file, link);
  for (const path of [file, link, join(folder, 'new.ndjson')]) {
    await run('users', 'export', path);
    expect([(await stat(path)).mode & 0o777, (await readFile(path, 'utf8')).startsWith('{')]).toEqual([
      0o600,
      true,
    ]);
  }
  expect((await readdir(folder)).sort()).toEqual(['latest.ndjson', 'new.ndjson', 'users.ndjson']);
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  expect(lines).toHaveLength(3);
  expect(await run('users', 'import', file)).toBe('3 rows: 0 taken over, 3 here already, 0 bad.\n');
  const csv = join(folder, 'users.csv');
  await writeFile(csv, 'email,disabled\nnew@example.com,f\nnone,f\n');
  expect(await run('users', 'import', csv)).toBe(
    'line 3: email: This is not a valid email address.\n2 rows: 1 taken over, 0 here already, 1 bad.\n',
  );
  expect(process.exitCode).toBe(1);
});

test('a file that cannot be opened is named as it was given, with what to look at', async () => {
  for (const [verb, path, code] of [
    ['import', join(folder, 'nowhere.csv'), 'ENOENT'],
    ['import', folder, 'EISDIR'],
    ['export', join(folder, 'nowhere', 'users.ndjson'), 'ENOENT'],
  ] as const)
    await expect(run('users', verb, path)).rejects.toThrow(
      `${path} cannot be opened (${code}): check the path and its permissions.`,
    );
});

test('export into a pipe goes into the pipe, and one that fails leaves nothing and what was there before', async () => {
  const pipe = join(folder, 'pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  const [read] = await Promise.all([readFile(pipe, 'utf8'), run('users', 'export', pipe)]);
  expect(read.trim().split('\n').length).toBeGreaterThan(2);
  expect((await stat(pipe)).isFIFO()).toBe(true);

  const file = join(folder, 'kept.ndjson');
  await writeFile(file, 'of before');
  const broken = { ...world.deps.db, rows: () => Promise.reject(new Error('the database is gone')) };
  const failing = runCommand(register, { ...world.deps, db: broken as never }, ['users', 'export', file]);
  await expect(failing).rejects.toThrow('the database is gone');
  expect(await readFile(file, 'utf8')).toBe('of before');
  expect((await readdir(folder)).filter(name => name.startsWith('kept'))).toEqual(['kept.ndjson']);
});

test('invitations create, list and revoke: the operator invites, and what is withdrawn opens nothing', async () => {
  const link = async (email: string) => (await mailsTo(world, email)).at(-1)?.secrets.token ?? '';
  const accept = (token: string) => acceptInvitation(world, token);
  const made = await run('invitations', 'create', 'grace@example.com', '--role', 'admin');
  expect(made).toMatch(/^[\da-f-]{36} {2}grace@example\.com {2}admin,user {2}until 2026-/);
  await run('invitations', 'create', 'gone@example.com');
  const listed = (await run('invitations', 'list', '--json'))
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  expect(listed.map(({ email, invited_by }) => [email, invited_by])).toEqual([
    ['gone@example.com', { kind: 'operator', id: null }],
    ['grace@example.com', { kind: 'operator', id: null }],
  ]);
  expect(await run('invitations', 'revoke', listed[0].id)).toBe('The invitation is withdrawn.\n');
  expect((await accept(await link('gone@example.com'))).json()).toMatchObject({ code: 'invitation_invalid' });
  await expect(run('invitations', 'revoke', listed[0].id)).rejects.toThrow('invitation');
  await expect(run('invitations', 'revoke', 'no-id')).rejects.toThrow('invitation');
  await expect(run('invitations', 'create', 'x@example.com', '--role', 'nobody-made')).rejects.toThrow(
    'role',
  );

  const accepted = await accept(await link('grace@example.com'));
  expect(accepted.json()).toMatchObject({ email: 'grace@example.com', roles: ['admin', 'user'] });
  expect(await run('invitations', 'list')).toBe('');
});

test('a password on standard input is one that somebody can type: in UTF-8, without the mark of a file, and not endless', async () => {
  const eve = await person(world, { email: 'eve@example.com' });
  const set = () => run('users', 'set-password', eve.id, '--password-stdin');
  type(Buffer.from('Grüße-Another-9\n', 'latin1'));
  await expect(set()).rejects.toThrow('is not UTF-8. Convert it first: iconv');
  type(...Array.from({ length: 80 }, () => 'y\n'.repeat(500)));
  await expect(set()).rejects.toThrow('too long for a password');
  await logIn(world, eve);
  const [first, second] = [Buffer.from('\uFEFFGrü'), Buffer.from('ße-Another-9\r\n')];
  type(first.subarray(0, -1), first.subarray(-1), second);
  await set();
  await logIn(world, { ...eve, password: 'Grüße-Another-9' });
});
