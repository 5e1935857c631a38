import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { appendOnlyBy } from './audit/append-only.ts';
import type { Config } from './platform/config.ts';
import { type Connection, type Db, openDatabase } from './platform/database.ts';
import type { Ending } from './platform/ending.ts';
import { keptRoots } from './platform/generated-secrets.ts';
import { openLog } from './platform/log.ts';
import { countCodesByRoot } from './platform/marked-hashes.ts';
import { readStanding } from './platform/migrations/applied.ts';
import { connect } from './platform/migrations/connect.ts';
import { READ_ONLY } from './platform/migrations/read-only.ts';
import { readRevisions } from './platform/migrations/revisions.ts';
import { faultOfEncoding } from './platform/migrations/unfit.ts';
import { refuseElsewhere, whereaboutsOf } from './platform/migrations/whereabouts.ts';
import { countSealed, sealedOutside } from './platform/sealed-columns.ts';
import { deriveSecrets, type Secrets } from './platform/secrets.ts';
import { lastWords } from './platform/start-error.ts';

/** One line about what is stored; `fault` if a start would refuse it, or something is lost. */
export interface Finding {
  readonly text: string;
  readonly fault: boolean;
}

// An operator who asks should not have to wait for a server that is still booting.
const WAIT_SECONDS = 3;

/**
 * Looks at what is stored, as far as it can be seen: the schema, how the audit trail is protected, and what each root
 * secret holds. Migrates nothing, makes no secret and no cluster, and waits only a few seconds for a database that is away.
 */
export async function* describeStored(config: Config, ending: Ending): AsyncGenerator<Finding> {
  yield line('# stored');
  const { url } = config.database;
  if (url === null && !existsSync(join(config.dataDir, 'pg', 'cluster'))) {
    yield line(`nothing yet: the first start makes the embedded PostgreSQL under ${config.dataDir}`);
    return;
  }
  try {
    if (url !== null) return yield* describeDatabase(config, { connectionString: url }, ending);
    const { openEmbedded } = await import('./platform/embedded/open.ts');
    const server = openEmbedded({ dataDir: config.dataDir, log: openLog('warn', 2), signal: ending.signal });
    ending.before(async () => (await server).release());
    const { connection, release } = await server;
    try {
      yield* describeDatabase(config, connection, ending);
    } finally {
      await release();
    }
  } catch (error) {
    yield fault(lastWords(error));
  }
}

async function* describeDatabase(
  config: Config,
  connection: Connection,
  { signal }: Ending,
): AsyncGenerator<Finding> {
  const schema = await describeSchema(config, connection, signal);
  yield* schema.findings;
  // The counts below read tables of exactly this schema.
  if (!schema.atHead) return;
  const db = openDatabase({ connection, poolMax: 1, prepare: false });
  try {
    yield await describeTrail(db);
    yield* describeRoots(config, db);
  } finally {
    await db.close();
  }
}

async function describeSchema({ database }: Config, connection: Connection, signal: AbortSignal) {
  const revisions = await readRevisions();
  const options = { waitSeconds: WAIT_SECONDS, signal };
  const client = await connect(connection, say, options);
  try {
    const { pending } = await readStanding(client, revisions);
    const findings = [standingInWords(pending.length, revisions.at(-1)?.id, database.migrateOnStart)];
    const { rows } = await client.query<{ on: string }>(
      `select current_setting('transaction_read_only') as on`,
    );
    if (rows[0]?.on === 'on') findings.push(fault(READ_ONLY));
    const encoding = await faultOfEncoding(client);
    if (encoding !== null) findings.push(fault(encoding));
    if (database.migrateUrl !== null) {
      const owner = { connectionString: database.migrateUrl };
      const refusal = await refuseElsewhere(await whereaboutsOf(client), owner, say, options).catch(
        (error: unknown) => `migrations: ${lastWords(error)}`,
      );
      findings.push(typeof refusal === 'string' ? fault(refusal) : line(OWNER));
    }
    return { atHead: pending.length === 0, findings };
  } finally {
    await client.end();
  }
}

const OWNER = 'migrations: MIGRATE_DATABASE_URL leads to the same database';
const say = (message: string) => void process.stderr.write(`${message}\n`);

function standingInWords(behind: number, head: string | undefined, migrateOnStart: boolean): Finding {
  if (behind === 0) return line(`schema: at head (${head})`);
  const words = `schema: ${behind} revision${behind === 1 ? '' : 's'} behind this program`;
  return migrateOnStart
    ? line(`${words}; a start upgrades it (MIGRATE_ON_START)`)
    : fault(`${words}. Run "npm run db -- upgrade head", or set MIGRATE_ON_START=true`);
}

async function* describeRoots(config: Config, db: Db): AsyncGenerator<Finding> {
  const { root, previousRoots, notice } = await keptRoots(config, db);
  if (root === null) {
    const places = await sealedOutside(db, []);
    yield places.length === 0
      ? line('root secret: none yet; the first start makes one')
      : fault(
          `AUTH_ROOT_SECRET is missing: it is not set and none is kept, yet stored secrets were sealed under one (${places.join(', ')}). Set it to the value that the service runs with`,
        );
    return;
  }
  if (notice !== null) yield line(`warning: ${notice}`);
  const secrets = deriveSecrets(root, previousRoots);
  yield* describeSeals(db, secrets);
  yield await describeCodes(db, secrets);
}

async function* describeSeals(db: Db, secrets: Secrets): AsyncGenerator<Finding> {
  for (const { table, column, present, previous, unknown } of await countSealed({ db, secrets })) {
    const text = [
      `${table}.${column}: ${present} under AUTH_ROOT_SECRET`,
      ...(previous > 0 ? [`${previous} under a previous one ("keys rewrap" moves them)`] : []),
      ...(unknown > 0
        ? [
            `${unknown} under one that is not configured: put it into AUTH_ROOT_SECRET_PREVIOUS, or they cannot be opened`,
          ]
        : []),
    ].join(', ');
    yield { text, fault: unknown > 0 };
  }
}

async function describeCodes(db: Db, secrets: Secrets): Promise<Finding> {
  const { present, previous, unknown, unmarked } = await countCodesByRoot({ db, secrets });
  return line(
    [
      `recovery_codes.code_hash: ${present} unused under AUTH_ROOT_SECRET`,
      ...(previous > 0
        ? [`${previous} under a previous one (no rewrap moves them: they work as long as it is configured)`]
        : []),
      ...(unknown > 0 ? [`${unknown} under one that is not configured: these do not work`] : []),
      ...(unmarked > 0 ? [`${unmarked} of an earlier release, which did not note the root`] : []),
    ].join(', '),
  );
}

async function describeTrail(db: Db): Promise<Finding> {
  const by = await appendOnlyBy(db);
  return { text: `audit trail: ${TRAIL[by]}`, fault: by === 'nothing' };
}

const TRAIL = {
  privilege: "append-only by privilege: this service's role may not change it",
  trigger: 'append-only by trigger: the role of this service owns it (see MIGRATE_DATABASE_URL)',
  nothing: 'NOT append-only: one of its triggers is missing or switched off',
} as const;

const line = (text: string): Finding => ({ text, fault: false });
const fault = (text: string): Finding => ({ text, fault: true });
