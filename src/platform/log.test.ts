import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const LOG = new URL('./log.ts', import.meta.url).href;

/** What a process of its own logs. */
function logged(statement: string): Record<string, unknown> {
  const script = `import { openLog } from ${JSON.stringify(LOG)}; const log = openLog('info'); ${statement}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

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
