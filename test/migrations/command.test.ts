import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRevisions } from '../../src/platform/migrations/revisions.ts';
import { type EmptyDatabase, emptyDatabase, onServer, withDatabase } from './support.ts';

let database: EmptyDatabase;
beforeEach(async () => {
  database = await emptyDatabase();
});
afterEach(() => database.close());

describe('the command', () => {
  const run = promisify(execFile);
  const db = (args: string[], cwd = process.cwd(), env: NodeJS.ProcessEnv = {}) =>
    run(process.execPath, [join(cwd, 'src/db.ts'), ...args], {
      cwd,
      env: { PATH: process.env.PATH, DATABASE_URL: database.connection.connectionString, ...env },
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
        code,
        stdout,
        stderr,
      }),
    );

  it('speaks as Alembic does', async () => {
    const head = (await readRevisions()).at(-1)?.id;
    expect(await db(['current'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await db(['check'])).toMatchObject({ code: 255, stdout: '' });
    expect((await db(['upgrade', 'head'])).code).toBe(0);
    expect(await db(['current'])).toMatchObject({ code: 0, stdout: `${head} (head)\n` });
    expect(await db(['heads'])).toMatchObject({ code: 0, stdout: `${head} (head)\n` });
    expect((await db(['history', '-i'])).stdout).toContain(`${head} (head) (current)`);
    expect(await db(['revision', '--autogenerate', '-m', 'nothing'])).toEqual({
      code: 0,
      stdout: 'No changes in schema detected.\n',
      stderr: '',
    });
    expect(await db(['check'])).toMatchObject({ code: 0, stdout: 'No new upgrade operations detected.\n' });
    expect((await db(['downgrade', '-1'])).code).toBe(0);
    expect(await db(['downgrade', '-99'])).toMatchObject({
      code: 255,
      stderr: "FAILED: Relative revision -99 didn't produce 99 migrations\n",
    });
    expect((await db(['upgrade'])).code).toBe(2);
  }, 180_000);

  it('needs no other secret than that of the database, and says what is wrong with that one', async () => {
    const others = { JWT_SECRET_KEY_FILE: '/nowhere', AUTH_ROOT_SECRET: 'short', SMTP_URL: 'nonsense' };
    expect(await db(['current'], process.cwd(), others)).toEqual({ code: 0, stdout: '', stderr: '' });
    const url = { DATABASE_URL: undefined, DATABASE_URL_FILE: '/nowhere' };
    const { code, stderr } = await db(['current'], process.cwd(), { ...others, ...url });
    expect(code).toBe(255);
    expect(stderr).toMatch(
      /^FAILED: The configuration has a fault:\n {2}- DATABASE_URL_FILE names \/nowhere, /,
    );
  });

  it('goes through the README line by line, and ends at head', async () => {
    const [, section = ''] = /^## Migrations\n(.*?)^## /ms.exec(await readFile('README.md', 'utf8')) ?? [];
    const lines = [...section.matchAll(/^npm run db -- ([^#\n]*)/gm)].map(([, args = '']) =>
      [...args.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word),
    );
    expect(lines.length).toBeGreaterThan(4);
    for (const args of lines) expect(await db(args), args.join(' ')).toMatchObject({ code: 0 });
    expect((await db(['current'])).stdout).toContain('(head)');
  }, 180_000);

  it('works on the embedded server, which it starts and stops', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'entrecore-db-'));
    await chmod(folder, 0o711);
    const env = { DATABASE_URL: undefined, DATA_DIR: join(folder, 'data') };
    const embedded = (...args: string[]) => db(args, process.cwd(), env);
    try {
      expect(await embedded('upgrade', 'head')).toMatchObject({ code: 0, stdout: '' });
      expect(await embedded('check')).toMatchObject({
        code: 0,
        stdout: 'No new upgrade operations detected.\n',
      });
      expect(await embedded('downgrade', 'base')).toMatchObject({ code: 0 });
      expect(await embedded('current')).toEqual({ code: 0, stdout: '', stderr: '' });
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 180_000);

  it('does without development dependencies what an image needs, and names what it cannot do', async () => {
    const image = await mkdtemp(join(tmpdir(), 'entrecore-image-'));
    try {
      await cp('src', join(image, 'src'), { recursive: true });
      await cp('migrations', join(image, 'migrations'), { recursive: true });
      await cp('package.json', join(image, 'package.json'));
      await symlinkAllBut(image, '@mikro-orm');
      expect((await db(['upgrade', 'head'], image)).code).toBe(0);
      expect(await db(['check'], image)).toMatchObject({
        code: 0,
        stdout: 'No new upgrade operations detected.\n',
        stderr: 'the schema in code was not compared: that needs a development checkout\n',
      });
      expect(await db(['revision', '--autogenerate', '-m', 'x'], image)).toMatchObject({
        code: 255,
        stderr: expect.stringContaining('This needs a development checkout'),
      });
    } finally {
      await rm(image, { recursive: true });
    }
  }, 180_000);

  it('needs CREATEDB for what it compares with the schema in code, and says so', async () => {
    const role = `${database.name}_owner`;
    const DATABASE_URL = withDatabase(database.name, role, 'owner');
    await onServer(client => client.query(`create role ${role} login password 'owner'`));
    try {
      await database.query(`alter database ${database.name} owner to ${role}`);
      const asOwner = (...args: string[]) => db(args, process.cwd(), { DATABASE_URL });
      expect((await asOwner('upgrade', 'head')).code).toBe(0);
      for (const args of [['check'], ['revision', '--autogenerate', '-m', 'x']])
        expect(await asOwner(...args)).toMatchObject({
          code: 255,
          stderr: expect.stringMatching(/needs CREATEDB .* "check" does without/),
        });
      await database.query('drop trigger audit_batches_append_only on audit_batches');
      expect((await asOwner('check')).stderr).toMatch(
        /^FAILED: the check found:\n {2}trigger audit_batches\.audit_batches_append_only is missing\n {2}The schema in code was not compared: .*\n$/,
      );
      expect((await asOwner('downgrade', 'base')).code).toBe(0);
      expect((await asOwner('upgrade', 'head')).code).toBe(0);
      await onServer(client => client.query(`alter role ${role} createdb`));
      expect((await asOwner('check')).code).toBe(0);
    } finally {
      await database.query(`reassign owned by ${role} to current_user`);
      await onServer(client => client.query(`drop role ${role}`));
    }
  }, 180_000);

  async function symlinkAllBut(image: string, left: string): Promise<void> {
    await cp('node_modules/.package-lock.json', join(image, 'node_modules/.package-lock.json'));
    for (const name of await readdir('node_modules')) {
      if (name === left || name.startsWith('.')) continue;
      await symlink(join(process.cwd(), 'node_modules', name), join(image, 'node_modules', name));
    }
  }
});
