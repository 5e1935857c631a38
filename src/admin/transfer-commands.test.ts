import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { runCommand } from '../../test/support/command.ts';
import { sql } from '../platform/sql.ts';
import { register } from './commands.ts';

let world: TestApp;
let folder: string;
beforeEach(async () => {
  world = await testApp();
  folder = await mkdtemp(join(tmpdir(), 'import-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await world.close();
  await rm(folder, { recursive: true });
});

/** What `users import` says to a file of these bytes, and how it ends. */
async function importFile(content: string | Buffer, ...flags: string[]) {
  const file = join(folder, 'users');
  await writeFile(file, content);
  process.exitCode = undefined;
  const output = await runCommand(register, world.deps, ['users', 'import', file, ...flags]).catch(
    (error: Error) => {
      process.exitCode = 1;
      return error.message;
    },
  );
  return { output, exitCode: process.exitCode ?? 0 };
}

const names = async () =>
  (await world.deps.db.rows<{ full_name: string }>(sql`select full_name from users order by full_name`)).map(
    row => row.full_name,
  );

test('a byte order mark, and CR alone at the end of each line, are read', async () => {
  const csv = '\ufeffemail,name\ra@example.com,Zo\u00eb A\rb@example.com,Bo B\r';
  expect(await importFile(csv)).toEqual({
    output: '2 rows: 2 taken over, 0 here already, 0 bad.\n',
    exitCode: 0,
  });
  const json = '\ufeff{"email":"c@example.com","name":"Cy C"}\r\n';
  expect((await importFile(json)).output).toContain('1 taken over');
  expect(await names()).toEqual(['Bo B', 'Cy C', 'Zo\u00eb A']);
});

test('UTF-16 is refused, and other bytes that are not UTF-8 end the import in their line', async () => {
  const csv = 'email,name\na@example.com,Ann A\nz@example.com,Zo\u00eb Z\nb@example.com,Bo B\n';
  for (const bytes of [Buffer.from(csv, 'utf16le'), Buffer.from(`\ufeff${csv}`, 'utf16le').swap16()])
    expect(await importFile(bytes)).toEqual({
      output: 'The file is UTF-16. Convert it first: iconv -f UTF-16 -t UTF-8 old.csv > new.csv',
      exitCode: 1,
    });
  expect(await names()).toEqual([]);
  const { output, exitCode } = await importFile(Buffer.from(csv, 'latin1'));
  expect(output).toMatch(
    /^line 3: not UTF-8; nothing from here on was read\. Convert .*\n2 rows: 1 taken over, 0 here already, 1 bad\.\n$/,
  );
  expect(exitCode).toBe(1);
  expect(await names()).toEqual(['Ann A']);
});

test('a column that an import does not know is told once: its name may be misspelt', async () => {
  const csv = 'email,hashed_pasword,name\na@example.com,,Ann A\nb@example.com,,Bo B\n';
  const lines =
    '{"email":"c@example.com","hashed_pasword":1}\n{"email":"d@example.com","hashed_pasword":2}\n';
  for (const content of [csv, lines])
    expect(await importFile(content, '--dry-run')).toEqual({
      output:
        'column hashed_pasword: not taken over, as an import does not know it\n2 rows: 2 would be taken over, 0 here already, 0 bad.\n',
      exitCode: 0,
    });
});

test('a JSON array and a header without an address are refused, whatever of them may be secret unsaid', async () => {
  const array = JSON.stringify([{ email: 'a@example.com' }]);
  for (const content of [array, `\ufeff\n ${array}`])
    expect(await importFile(content)).toEqual({
      output:
        "This is a JSON array. An import reads one object a line: jq -c '.[]' users.json > users.ndjson",
      exitCode: 1,
    });
  for (const content of [
    'a@example.com,my-secret-hash\nb@example.com,other\n',
    'email;password\na@example.com;x\n',
  ]) {
    const { output, exitCode } = await importFile(content);
    expect([output, exitCode]).toEqual([
      expect.stringMatching(/^No column of the header is the address\..* id, email, username, .*must be one/),
      1,
    ]);
    expect(output).not.toContain('secret');
  }
  expect((await importFile('email,id,id\na@example.com,1,2\n')).output).toBe(
    'The header has the column "id" twice: leave one out.',
  );
  expect(await importFile('email,note,note\na@example.com,1,2\n')).toMatchObject({ exitCode: 0 });
});

test('export to - goes to standard output, as import from - comes from standard input', async () => {
  await importFile('email\na@example.com\n');
  const exported = await runCommand(register, world.deps, ['users', 'export', '-']);
  expect(JSON.parse(exported)).toMatchObject({ email: 'a@example.com' });
  await world.deps.db.run(sql`delete from users`);
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(exported)]) as never);
  expect(await runCommand(register, world.deps, ['users', 'import', '-'])).toBe(
    '1 rows: 1 taken over, 0 here already, 0 bad.\n',
  );
});
