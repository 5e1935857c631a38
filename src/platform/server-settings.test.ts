import { expect, test } from 'vitest';
import { testDatabase } from '../../test/support/database.ts';
import { openPooler } from '../../test/support/pooler.ts';
import { type Db, openDatabase } from './database.ts';
import { SERVER_SETTINGS } from './server-settings.ts';
import { sql } from './sql.ts';

const NAMES = Object.keys(SERVER_SETTINGS);
const shown = sql`select name, setting from pg_settings where name = any (${NAMES}) order by name`;
const asked = NAMES.toSorted().map(name => ({ name, setting: SERVER_SETTINGS[name] }));

test('the server is asked to keep them; what the URL says wins', async () => {
  const { db, url, close } = await testDatabase();
  const own = new URL(url);
  own.searchParams.set('statement_timeout', '7000');
  const other = open(own.href);
  try {
    expect(await db.rows(shown)).toEqual(asked);
    expect(await other.row(sql`select current_setting('statement_timeout') as set`)).toEqual({ set: '7s' });
  } finally {
    await other.close();
    await close();
  }
});

test.each([
  ['a statement', (db: Db) => db.row(sql`select 1 as one`)],
  ['a transaction', (db: Db) => db.transaction(tx => tx.row(sql`select 1 as one`))],
])('behind a pooler that refuses them %s does without, and it is said once', async (_, use) => {
  const { url, close } = await testDatabase();
  const pooler = await strictPooler(url);
  let told = 0;
  const db = open(pooler.url, () => told++);
  try {
    const answers = await Promise.all([use(db), use(db), use(db)]);
    expect(answers).toEqual([{ one: 1 }, { one: 1 }, { one: 1 }]);
    expect(told).toBe(1);
  } finally {
    await db.close();
    pooler.close();
    await close();
  }
});

test('a transaction sees what others commit meanwhile, whatever the database is set to show, behind a pooler as well', async () => {
  const { db: other, url, close } = await testDatabase();
  await other.run(sql`do $$ begin
    execute format('alter database %I set default_transaction_isolation to serializable', current_database()); end $$`);
  const pooler = await strictPooler(url);
  const [direct, pooled] = [open(url), open(pooler.url)];
  const isolation = sql`select current_setting('transaction_isolation') as is`;
  try {
    expect(await direct.row(isolation)).toEqual({ is: 'read committed' });
    for (const db of [direct, pooled])
      expect(await db.transaction(tx => tx.row(isolation))).toEqual({ is: 'read committed' });
  } finally {
    await Promise.all([direct.close(), pooled.close()]);
    pooler.close();
    await close();
  }
});

function open(connectionString: string, onSettingsRefused = () => {}): Db {
  return openDatabase({ connection: { connectionString }, poolMax: 3, prepare: false, onSettingsRefused });
}

// As pgbouncer answers in its default configuration: it names the first parameter that it does not know.
const strictPooler = (url: string) =>
  openPooler(url, (near, reach) => {
    near.once('data', startup => {
      const unknown = startup
        .toString('latin1')
        .split('\0')
        .find(word => NAMES.includes(word));
      if (unknown !== undefined) return near.end(refusal(`unsupported startup parameter: ${unknown}`));
      const far = reach();
      far.write(startup);
      near.pipe(far).pipe(near);
    });
  });

function refusal(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C08P01\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
