import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { runCommand } from '../../test/support/command.ts';
import { configWith } from '../../test/support/deps.ts';
import { logIn, person } from '../../test/support/people.ts';
import { findAccountByLogin } from '../accounts/find.ts';
import { isSigned, readCheckpoints } from './checkpoint.ts';
import { register } from './commands.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());
afterEach(() => {
  process.exitCode = undefined;
});

const run = (...words: string[]) =>
  runCommand((program, open) => register(program, open, findAccountByLogin), world.deps, ['audit', ...words]);

test('audit export takes a person by id, address or username, and says when there is none', async () => {
  const ada = await person(world, { email: 'ada@example.com' });
  await logIn(world, ada);
  await logIn(world, await person(world, { email: 'bob@example.com' }));
  const exported = async (user: string) =>
    (await run('export', '--user', user, '--type', 'login.succeeded'))
      .trim()
      .split('\n')
      .map(line => JSON.parse(line).user_id);
  for (const name of [ada.id, ada.id.toUpperCase(), 'ADA@example.com'])
    expect(await exported(name)).toEqual([ada.id]);
  await expect(run('export', '--user', 'nobody@example.com')).rejects.toThrow(
    'Nobody has the address or username "nobody@example.com". For a removed account, give its id.',
  );
  expect(await run('export', '--user', '01890000-0000-7000-8000-000000000000')).toBe('');
});

test.each(['12/11/2026', '2026-02-30', '2026-02-30T00:00:00Z', '2026-11-30T10:00', '2026-11', '1', '-1', ''])(
  'audit export does not guess which time "%s" is',
  async at => {
    for (const option of ['--from', '--to'])
      await expect(run('export', option, at)).rejects.toThrow(
        'It must be a time such as 2026-11-23T00:00:00Z.',
      );
  },
);

test.each(['2026-02-28', '2026-02-28T00:00:00Z', '2026-02-28T03:00:00.5+03:00', '2026-02-28t00:00:00z'])(
  'audit export takes %s for a time',
  async at => {
    expect(await run('export', '--from', at, '--to', at)).toBe('');
  },
);

test('what a stranger sends as their browser does nothing to the terminal that shows an export', async () => {
  const eve = await person(world, { email: 'eve@example.com' });
  const agent = '\u009b2J\u009d0;title\u009c \u0085\u00a0\u00ad Zoë';
  await world.call('POST', '/token', {
    form: { username: eve.email, password: 'wrong' },
    headers: { 'user-agent': agent },
  });
  const output = await run('export', '--user', eve.id, '--type', 'login.failed');
  expect(output.trimEnd()).not.toMatch(/\p{C}/u);
  expect(JSON.parse(output).user_agent).toBe(agent);
});

test('audit export refuses a type that no event has, and names those there are', async () => {
  await expect(run('export', '--type', 'login.succeded')).rejects.toThrow(
    /There is no such type\. There are: login\.succeeded, login\.failed, /,
  );
});

test('audit verify gives its verdict as JSON, under the names that the API would use', async () => {
  const verdict = JSON.parse(await run('verify', '--json'));
  expect(verdict).toMatchObject({ findings: [], public_key: expect.any(String), pruned_before: null });
});

test('audit checkpoint prints the checkpoint also where the file and the URL do not take it, and says why', async () => {
  const audit = { checkpointFile: '/nowhere/checkpoints', checkpointUrl: 'http://127.0.0.1:1/' };
  const deps = { ...world.deps, config: configWith({ audit }) };
  const output = await runCommand((program, open) => register(program, open, findAccountByLogin), deps, [
    'audit',
    'checkpoint',
  ]);
  expect(process.exitCode).toBe(1);
  expect(output).toMatch(
    /^A checkpoint was not taken by AUDIT_CHECKPOINT_FILE: ENOENT.*; AUDIT_CHECKPOINT_URL: bad port\n/,
  );
  expect(readCheckpoints(output).map(isSigned)).toEqual([true]);
});

test('audit prune drops nothing by a clock that is ahead of the database', async () => {
  world.deps.clock.advance(365 * 86_400);
  await expect(run('prune', '--days', '30')).rejects.toThrow(
    /^No event is dropped: the clock here is ahead of the database server's \(days: \d+\)\. Set right whichever is wrong$/,
  );
  world.deps.clock.advance(-365 * 86_400);
  expect(await run('prune', '--days', '30')).toBe('Nothing is that old.\n');
});
