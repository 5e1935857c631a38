import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { isDay, readInstant } from '../platform/clock.ts';
import { jsonLine, type Open, readCount, snakeCased, withWorld } from '../platform/command-world.ts';
import { openDatabase } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { readUuid } from '../platform/uuid.ts';
import { type Checkpoint, handOut, makeCheckpoint, readCheckpoints } from './checkpoint.ts';
import { type EventType, eventTypes } from './event-type.ts';
import { exportEvents } from './export.ts';
import { makePartitions } from './partitions.ts';
import { pruneTrail, refuseClockAhead } from './prune.ts';
import { operator, recordEvent } from './record.ts';
import { sealAll } from './seal.ts';
import { type Verdict, verifyTrail } from './verify.ts';

/** Finds the account with an address or a username. Passed in, because this folder must not import from accounts/. */
type FindAccount = (db: Deps['db'], name: string) => Promise<{ readonly id: string } | null>;

const DAYS_MAX = 999_999;

/** `audit verify|export|checkpoint|prune|partitions`: what an operator does with the trail. */
export function register(program: Command, open: Open, findAccount: FindAccount): void {
  const audit = program
    .command('audit')
    .description('the audit trail: verify, export, checkpoint, prune, partitions');

  audit
    .command('verify')
    .description('compares every event with its seal; if one was tampered with, says where and exits with 1')
    .option(
      '--checkpoints <file>',
      'a file of checkpoints that were kept outside, or of log lines that contain them',
      readFile,
    )
    .option('--json', 'the verdict as JSON', false)
    .action(async ({ checkpoints = [], json }: { checkpoints?: Checkpoint[]; json: boolean }) => {
      await withWorld(open, async deps => {
        const verdict = await verifyTrail(deps, checkpoints);
        if (verdict.findings.length > 0) process.exitCode = 1;
        return json ? [jsonLine(snakeCased(verdict))] : describe(verdict, checkpoints.length);
      });
    });

  audit
    .command('export')
    .description('writes events as NDJSON to standard output, the oldest first')
    .option('--user <user>', 'only events that concern this person: an id, an address or a username')
    .option('--type <type>', 'only events of this type', eventType)
    .option('--from <time>', 'only events at this time or later', time)
    .option('--to <time>', 'only events before this time', time)
    .option('--sealed', 'the columns as stored, with ciphertext, to check the hashes elsewhere', false)
    .action(async (options: { user?: string; type?: EventType; from?: Date; to?: Date; sealed: boolean }) => {
      await withWorld(open, async deps => {
        const { user, type, from, to, sealed } = options;
        const userId = user === undefined ? undefined : await personOf(deps, user, findAccount);
        let events = 0;
        for await (const line of exportEvents(deps, { userId, type, from, to }, { sealed })) {
          events += 1;
          if (!process.stdout.write(line)) await new Promise(done => process.stdout.once('drain', done));
        }
        await recordEvent(deps, deps.db, {
          type: 'audit.exported',
          outcome: 'success',
          actor: operator,
          userId: userId ?? null,
          caller: null,
          data: { events, sealed, type: type ?? null },
        });
        return [];
      });
    });

  audit
    .command('checkpoint')
    .description('seals all events and prints a signed checkpoint, to be kept elsewhere')
    .action(() =>
      withWorld(open, async deps => {
        await sealAll(deps);
        const checkpoint = await makeCheckpoint(deps);
        if (checkpoint === null) return ['Nothing is sealed yet.'];
        // It is printed all the same: to be kept here is what the command is for.
        await handOut(deps, checkpoint).catch((error: Error) => {
          process.stderr.write(`${error.message}\n`);
          process.exitCode = 1;
        });
        return [JSON.stringify(checkpoint)];
      }),
    );

  audit
    .command('prune')
    .description('drops whole months past their retention, as the owner of the tables (MIGRATE_DATABASE_URL)')
    .option('--days <days>', 'months older than this; if left out, AUDIT_RETENTION_DAYS', positive)
    .option('--keep-tables', 'detach the partitions instead of dropping them', false)
    .action(({ days, keepTables }: { days?: number; keepTables: boolean }, command: Command) =>
      withWorld(open, async deps => {
        const kept = days ?? deps.config.audit.retentionDays;
        if (kept === 0) command.error('error: say --days, or set AUDIT_RETENTION_DAYS');
        await refuseClockAhead(deps);
        await sealAll(deps);
        const pruned = await asOwner(deps, owner =>
          pruneTrail(owner, { days: kept, keepTables, by: 'operator' }),
        );
        if (pruned.verdict === 'unsealed') process.exitCode = 1;
        return [
          pruned.verdict === 'nothing'
            ? 'Nothing is that old.'
            : pruned.verdict === 'unsealed'
              ? `Nothing was dropped: ${pruned.events} old events are not sealed yet.`
              : `Dropped what is older than ${pruned.before.toISOString()}: ${pruned.partitions.join(', ') || 'no partition'}.`,
        ];
      }),
    );

  audit
    .command('partitions')
    .description('makes the partitions of this month and the next ones')
    .action(() => withWorld(open, async deps => [`Made: ${await makePartitions(deps)}.`]));
}

function describe(
  { findings, batches, events, pending, publicKey, prunedBefore }: Verdict,
  kept: number,
): string[] {
  const lines = findings.map(({ kind, batch, eventId, eventTime, explanation }) =>
    [
      kind,
      batch === undefined ? '' : `batch ${batch}`,
      eventId === undefined ? '' : `event ${eventId} of ${eventTime}`,
      explanation,
    ]
      .filter(part => part !== '')
      .join('  '),
  );
  return [
    ...lines,
    `${events} events in ${batches} batches${pending > 0 ? `, ${pending} not sealed yet` : ''}.`,
    ...(prunedBefore === null ? [] : [`Retention dropped what is older than ${prunedBefore.toISOString()}.`]),
    `Public key: ${publicKey}`,
    kept > 0
      ? `Checkpoints compared: ${kept}.`
      : 'Without a checkpoint from outside (--checkpoints), a cut-off end would not be noticed.',
    findings.length === 0
      ? 'The trail is as it was sealed.'
      : `TAMPERED: ${findings.length} finding${findings.length === 1 ? '' : 's'}.`,
  ];
}

// A removed account is found by its id alone, so an id is taken as it is.
async function personOf({ db }: Deps, name: string, findAccount: FindAccount): Promise<string> {
  const id = readUuid(name) ?? (await findAccount(db, name))?.id;
  if (id === undefined)
    throw new Error(`Nobody has the address or username "${name}". For a removed account, give its id.`);
  return id;
}

// If the service runs as a lesser role, only the role that runs the migrations may drop tables.
async function asOwner<T>(deps: Deps, work: (deps: Deps) => Promise<T>): Promise<T> {
  const { migrateUrl } = deps.config.database;
  if (migrateUrl === null) return work(deps);
  const db = openDatabase({ connection: { connectionString: migrateUrl }, poolMax: 2, prepare: false });
  try {
    return await work({ ...deps, db });
  } finally {
    await db.close();
  }
}

function readFile(file: string): Checkpoint[] {
  try {
    return readCheckpoints(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

// `Date` reads 12/11/2026 as an American does, and a time without a zone as this machine's.
const TIME = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/i;

function time(text: string): Date {
  const [, day = ''] = TIME.exec(text) ?? [];
  const at = isDay(day) ? readInstant(text) : null;
  if (at === null) throw new InvalidArgumentError('It must be a time such as 2026-11-23T00:00:00Z.');
  return at;
}

function eventType(text: string): EventType {
  if (!Object.hasOwn(eventTypes, text))
    throw new InvalidArgumentError(
      `There is no such type. There are: ${Object.keys(eventTypes).join(', ')}.`,
    );
  return text as EventType;
}

function positive(text: string): number {
  const days = readCount(text, DAYS_MAX);
  if (days === null) throw new InvalidArgumentError(`It must be a whole number from 1 to ${DAYS_MAX}.`);
  return days;
}
