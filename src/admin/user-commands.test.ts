import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { runCommand } from '../../test/support/command.ts';
import { register } from './commands.ts';

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
