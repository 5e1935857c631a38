import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { sql } from '../platform/sql.ts';
import { register } from './commands.ts';
import { enqueueMail } from './enqueue.ts';

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
  for (const to of ['dead@example.com', 'waiting@example.com']) {
    await deps.db.transaction(tx =>
      enqueueMail(deps, tx, { template: 'verify-email', to, secrets: { token: 'T0KEN' } }),
    );
  }
  await deps.db.run(sql`update outbox set dead_at = ${deps.clock.now()}, last_error = ${'550 no\u001B[2Jsuch user'}
    where recipient = 'dead@example.com'`);
});
afterAll(() => deps.close());
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

async function run(...words: string[]): Promise<string> {
  let output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation(text => {
    output += String(text);
    return true;
  });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  register(program, async () => ({ deps, close: async () => {} }));
  for (const command of program.commands.flatMap(outer => outer.commands)) command.exitOverride();
  try {
    await program.parseAsync(['node', 'cli', 'outbox', ...words]);
  } finally {
    vi.restoreAllMocks();
  }
  return output;
}

test('an operator sees what waits and what died and why, and nothing secret', async () => {
  const all = await run('list');
  expect(all).toMatch(/waiting +mail +verify-email +waiting@example\.com/);
  expect(all).toMatch(/dead +mail +verify-email +dead@example\.com +0 tries +550 no \[2Jsuch user/);
  expect(all).toContain('1 waiting, 1 dead.');
  expect(all).not.toContain('T0KEN');
  const dead = (await run('list', '--dead', '--json')).trim().split('\n');
  expect(dead.map(line => JSON.parse(line))).toMatchObject([
    { recipient: 'dead@example.com', state: 'dead' },
  ]);
});

test('a message that an outage has not let be tried yet is listed with what failed on its channel last', async () => {
  const { db } = deps;
  await db.transaction(tx => enqueueMail(deps, tx, { template: 'account-closed', to: 'tried@example.com' }));
  try {
    expect(await run('list')).toMatch(/waiting@example\.com {2}0 tries$/m);
    await db.run(sql`update outbox set last_error = 'connect ECONNREFUSED', attempts = 1
      where recipient = 'tried@example.com'`);
    const all = await run('list');
    expect(all).toMatch(/tried@example\.com {2}1 tries {2}connect ECONNREFUSED$/m);
    expect(all).toMatch(/waiting@example\.com {2}0 tries {2}on its channel: connect ECONNREFUSED$/m);
    const rows = (await run('list', '--json')).trim().split('\n');
    expect(
      rows.map(row => JSON.parse(row)).map(({ recipient, channelError }) => [recipient, channelError]),
    ).toEqual([
      ['tried@example.com', null],
      ['waiting@example.com', 'connect ECONNREFUSED'],
      ['dead@example.com', null],
    ]);
  } finally {
    await db.run(sql`delete from outbox where recipient = 'tried@example.com'`);
  }
});

test.each(['1e2', ' 5', '0x10', '5.0', '+5', '0', '٥', ''])('a limit of "%s" is refused', async limit => {
  await expect(run('list', '--limit', limit)).rejects.toThrow('It must be a whole number from 1 to 1000000.');
});

test('a dead message is requeued by its id, or all are; anything else is refused', async () => {
  await expect(run('requeue')).rejects.toThrow(/process\.exit|name one id/);
  await expect(run('requeue', 'nonsense')).rejects.toThrow('It must be a UUID.');
  const { id } = JSON.parse(await run('list', '--dead', '--json'));
  expect(await run('requeue', id)).toBe('Requeued: 1.\n');
  expect(await run('list', '--dead')).toBe('2 waiting, 0 dead.\n');
  expect(await run('requeue', '--all')).toBe('Nothing was requeued: no dead message can still be sent.\n');
  expect(process.exitCode).toBeUndefined();
  await expect(run('requeue', id)).rejects.toThrow(
    'Nothing was requeued: it is unknown, not dead, or has expired.',
  );
});
