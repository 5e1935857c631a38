import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const LOG = new URL('./log.ts', import.meta.url).href;

/** The lines that a process of its own logs. */
function linesOf(statement: string): Record<string, unknown>[] {
  const script = `import { openLog, plainLines } from ${JSON.stringify(LOG)}; const log = openLog('info'); ${statement}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);
}

const logged = (statement: string) => linesOf(statement)[0] as Record<string, unknown>;

test('the code of an error is kept, since it says what failed', () => {
  const { err } = logged(
    `log.error({ err: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }) }, 'failed')`,
  );
  expect(err).toMatchObject({ message: 'no', code: 'ECONNREFUSED' });
});

test('a code that lets somebody in is masked, as every other secret is', () => {
  const body = { code: '123456', password: 'secret-1', refresh_token: 'secret-2', name: 'Ada' };
  expect(logged(`log.info({ code: '123456', body: ${JSON.stringify(body)} })`)).toMatchObject({
    code: '[redacted]',
    body: { code: '[redacted]', password: '[redacted]', refresh_token: '[redacted]', name: 'Ada' },
  });
});

test('of an error stands in the log what failed, and neither the command of a client nor the row of a database', () => {
  const { err } = logged(`
    const command = { name: 'auth', args: ['secret-1'] };
    const node = Object.assign(new Error('WRONGPASS'), { command });
    const cause = Object.assign(new Error('twice'), { code: '23505', constraint: 'a_key', detail: 'Key (a)=(secret-2)' });
    const both = Object.assign(new AggregateError([node, cause], 'both'), { command, lastNodeError: node, cause });
    log.error({ err: both }, 'failed')`);
  expect(err).toMatchObject({
    message: 'both: twice',
    lastNodeError: { message: 'WRONGPASS' },
    aggregateErrors: [{ message: 'WRONGPASS' }, { message: 'twice', code: '23505', constraint: 'a_key' }],
  });
  expect(JSON.stringify(err)).not.toMatch(/"command"|secret-\d"/);
});

test('a plain line says when it was written, as any other does', () => {
  const lines = linesOf(`
    const write = plainLines(log, 'request');
    for (const n of [1, 2, 3]) {
      write('"at":' + Date.now());
      await new Promise(done => setTimeout(done, 20));
    }`);
  expect(lines.length).toBe(3);
  for (const { at, time, ...rest } of lines) {
    expect(rest).toEqual({ level: 'info', msg: 'request' });
    expect(Date.parse(time as string)).toBeGreaterThanOrEqual(at as number);
  }
});
