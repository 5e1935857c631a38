// `npm run db -- …`: does what Alembic did for the original, with the same command words and exit codes.
import { Command, CommanderError } from 'commander';
import { systemClock } from './platform/clock.ts';
import { endEarly } from './platform/ending.ts';
import { readStanding } from './platform/migrations/applied.ts';
import { checkDatabase } from './platform/migrations/check.ts';
import { connect } from './platform/migrations/connect.ts';
import { downgrade } from './platform/migrations/downgrade.ts';
import { MigrationError } from './platform/migrations/migration-error.ts';
import { cautions, writeRevision } from './platform/migrations/new-revision.ts';
import { openTarget } from './platform/migrations/open-target.ts';
import { type Revision, readRevisions } from './platform/migrations/revisions.ts';
import { type Migration, upgrade } from './platform/migrations/upgrade.ts';
import { isExpected, lastWords } from './platform/start-error.ts';

const ending = endEarly();
const program = new Command('db')
  .description('Changes and inspects the schema of the database.')
  .exitOverride()
  .showHelpAfterError();

program
  .command('upgrade')
  .argument('<revision>', '"head", a revision (the beginning of its id is enough), or "+n"')
  .description('apply revisions')
  .action((target: string) => migrating(async migration => void (await upgrade(migration, target))));

program
  .command('downgrade')
  .argument('<revision>', '"base", the revision to go back to, or "-n"')
  .description('take revisions back; data that only the newer schema holds is lost')
  .action((target: string) => migrating(async migration => void (await downgrade(migration, target))));

program
  .command('current')
  .description('print the revision of the database')
  .action(() =>
    migrating(async ({ connection, revisions }) => {
      const { position } = await standingOf({ connection, revisions });
      const revision = revisions[position - 1];
      if (revision !== undefined) print(`${revision.id}${marks(revisions, revision)}`);
    }),
  );

program
  .command('history')
  .option('-i, --indicate-current', 'mark the revision of the database')
  .description('list the revisions, newest first')
  .action(async ({ indicateCurrent }: { indicateCurrent?: true }) => {
    const revisions = await readRevisions();
    const list = (current?: string) => {
      for (const [index, revision] of [...revisions.entries()].reverse()) {
        const here = revision.id === current ? ' (current)' : '';
        print(
          `${revisions[index - 1]?.id ?? '<base>'} -> ${revision.id}${marks(revisions, revision)}${here}`,
        );
      }
    };
    if (indicateCurrent !== true) return list();
    return migrating(async migration => list(revisions[(await standingOf(migration)).position - 1]?.id));
  });

program
  .command('heads')
  .description('print the newest revision')
  .action(async () => {
    const head = (await readRevisions()).at(-1);
    if (head !== undefined) print(`${head.id} (head)`);
  });

program
  .command('revision')
  .requiredOption('-m, --message <words>', 'what the revision does')
  .option('--autogenerate', 'write the difference between the last revision and the schema in code')
  .description('make a new revision, empty or generated')
  .action(async ({ message, autogenerate }: { message: string; autogenerate?: true }) => {
    const now = systemClock.now();
    if (autogenerate !== true) {
      const revisions = await readRevisions();
      return generated(await writeRevision({ message, up: '', down: '' }, { revisions, now }));
    }
    const { schemaDifference, schema } = await development();
    await migrating(async migration => {
      const { up, down, byHand } = await schemaDifference({ ...migration, ending }, schema);
      for (const what of byHand) say(`warning: write by hand: ${what}`);
      if (up === '' && down === '')
        return print(byHand.length === 0 ? 'No changes in schema detected.' : 'Nothing could be generated.');
      for (const caution of cautions({ up, down })) say(`warning: ${caution}`);
      generated(await writeRevision({ message, up, down }, { revisions: migration.revisions, now }));
    });
  });

program
  .command('check')
  .description('fail if code, revisions and database disagree')
  .action(() =>
    migrating(async migration => {
      const { faults, warnings } = await checkDatabase(migration);
      for (const warning of warnings) say(`warning: ${warning}`);
      const found = [...faults, ...(await undeclared(migration))];
      if (found.length > 0) throw new MigrationError(['the check found:', ...found].join('\n  '));
      print('No new upgrade operations detected.');
    }),
  );

async function undeclared(migration: Migration): Promise<string[]> {
  const tools = await development().catch((error: unknown) => {
    if (!(error instanceof MigrationError)) throw error;
    say('the schema in code was not compared: that needs a development checkout');
    return null;
  });
  if (tools === null) return [];
  const difference = await tools
    .schemaDifference({ ...migration, ending }, tools.schema)
    .catch((error: unknown) => {
      if (!(error instanceof MigrationError)) throw error;
      return error;
    });
  // Returned, not thrown, so that what was found in the database is still told.
  if (difference instanceof MigrationError) return [difference.message];
  const { up, byHand } = difference;
  const statements = up.split('\n').filter(line => line !== '');
  return [...statements, ...byHand].map(what => `no revision carries: ${what}`);
}

// Only a development checkout has MikroORM and the entities.
async function development() {
  try {
    const [{ schemaDifference }, schema] = await Promise.all([
      import('./platform/migrations/schema-difference.ts'),
      import('./schema.ts'),
    ]);
    return { schemaDifference, schema };
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MigrationError(
      'This needs a development checkout ("npm ci" with its development dependencies)',
      {
        cause: error,
      },
    );
  }
}

async function migrating(work: (migration: Migration) => Promise<void>): Promise<void> {
  const revisions = await readRevisions();
  const target = openTarget(ending.signal);
  ending.before(async () => (await target).release());
  const { connection, serviceRole, release } = await target;
  try {
    await work({ connection, revisions, say, serviceRole, signal: ending.signal });
  } finally {
    await release();
  }
}

async function standingOf({ connection, revisions }: Pick<Migration, 'connection' | 'revisions'>) {
  const client = await connect(connection, say, { signal: ending.signal });
  try {
    return await readStanding(client, revisions);
  } finally {
    await client.end();
  }
}

function generated(id: string): void {
  print(`Generated migrations/${id}.up.sql and ${id}.down.sql`);
}

function marks(revisions: readonly Revision[], revision: Revision): string {
  return revision === revisions.at(-1) ? ' (head)' : '';
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (!ending.signal.aborted) {
    say(`${isExpected(error) ? 'FAILED: ' : ''}${lastWords(error)}`);
    process.exitCode = 255;
  }
}
