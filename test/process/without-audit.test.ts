import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { testDatabase } from '../support/database.ts';

async function run(script: string, ...options: string[]): Promise<string> {
  const read = ['--input-type=module', '--eval', `process.stdout.write(${script})`];
  return (await promisify(execFile)(process.execPath, [...options, ...read])).stdout;
}

const without = ['--import', './bench/without-audit.mjs'];

test('what the bench puts in place of the audit trail has all that the slices take of it', async () => {
  const names = `Object.keys(await import('./src/audit/record.ts')).sort().join(' ')`;
  const whole = await run(names);
  expect(whole).toContain('recordEvent');
  expect(await run(names, ...without)).toBe(whole);
});

test('its statements run as those of the trail do, and write nothing', async () => {
  const { db, url, close } = await testDatabase();
  try {
    const logout = `await (async () => {
      const { openDatabase } = await import('./src/platform/database.ts');
      const { sql } = await import('./src/platform/sql.ts');
      const { insertEvent, insertEventsOf, prepareEvent } = await import('./src/audit/record.ts');
      const db = openDatabase({ connection: { connectionString: '${url}' }, poolMax: 1, prepare: true });
      const event = await prepareEvent();
      const ran = [insertEvent(event, sql\`ended\`), insertEventsOf([event], sql\`ended\`)].map(events =>
        db.rows(sql\`with ended as (select 1 as id), \${events} select id from ended\`));
      const rows = await Promise.all(ran);
      await db.close();
      return JSON.stringify(rows);
    })()`;
    expect(JSON.parse(await run(logout, ...without))).toEqual([[{ id: 1 }], [{ id: 1 }]]);
    expect(await db.rows(sql`select from audit_events`)).toEqual([]);
  } finally {
    await close();
  }
});
