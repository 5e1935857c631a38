import type { Cache } from './platform/cache.ts';
import { systemClock } from './platform/clock.ts';
import type { Config } from './platform/config.ts';
import { type Connection, openDatabase } from './platform/database.ts';
import type { Deps } from './platform/deps.ts';
import type { Embedded } from './platform/embedded/open.ts';
import { completeSecrets } from './platform/generated-secrets.ts';
import { openHasher } from './platform/hasher.ts';
import type { Log } from './platform/log.ts';
import { ensureSchema, isAtHead } from './platform/migrations/ensure-schema.ts';
import { openCache } from './platform/open-cache.ts';
import { systemRandom } from './platform/random.ts';
import { refuseLostRoot } from './platform/sealed-columns.ts';
import { deriveSecrets } from './platform/secrets.ts';
import { SERVER_SETTINGS } from './platform/server-settings.ts';
import { liveRevocations } from './sessions/live-revocations.ts';

/** The real world of a process: its database, its secrets and whatever else a verb needs, and ways to close it. */
export interface World {
  readonly deps: Deps;
  /** True when the database is the embedded one. */
  readonly embedded: boolean;
  close(): Promise<void>;
  /** Leaves at once, whatever is in progress: whatever asks the database from now on fails. */
  abandon(): Promise<void>;
}

export interface WorldOptions {
  /** Ends the wait for the database, with its reason. */
  readonly signal?: AbortSignal;
  /** Is told of what takes long: the wait for the database, a migration. If left out, that goes to the log at `info`. */
  readonly say?: (message: string) => void;
}

/**
 * Opens the world for the service or for a command: the embedded server unless another is configured, the schema at
 * head, the secrets. Only the service opens the key ring, because opening it makes the key of ALGORITHM sign. If this fails,
 * it closes whatever was opened by then, and the error says what to do about it.
 */
export async function openWorld(
  config: Config,
  log: Log,
  { signal, say = message => log.info(message) }: WorldOptions = {},
): Promise<World> {
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step();
  };
  try {
    const server = config.database.url === null ? await openServer(config, log, signal) : null;
    if (server !== null) closing.push(() => server.release());
    const connection: Connection = server?.connection ?? { connectionString: config.database.url as string };
    const { migrateUrl, migrateOnStart, poolMax, prepare } = config.database;
    // Opened after the database, which may have lost an answer by then; that does no harm, as the cache reads everything first.
    let cache: Cache | undefined;
    const db = openDatabase({
      connection,
      poolMax,
      prepare,
      onLostAnswer: () => cache?.doubtRevocations(),
      onIdleError: error => log.warn({ err: error }, 'an idle database connection was lost'),
      onSettingsRefused: () => log.warn(SETTINGS_REFUSED),
    });
    // If the process is told to stop by then, it does not wait for a connection that is still being made.
    let answered = false;
    closing.push(() => (signal?.aborted === true && !answered ? void db.close() : db.close()));
    if (!(await isAtHead(db, { signal }))) {
      await ensureSchema({
        connection,
        migrateConnection: migrateUrl === null ? null : { connectionString: migrateUrl },
        migrateOnStart,
        say,
        signal,
      });
    }
    answered = true;
    const { config: complete, notices } = await completeSecrets(config, db, systemClock);
    for (const notice of notices) log.warn(notice);
    const hasher = openHasher(config.passwords);
    const opened = await openCache(complete, { clock: systemClock, log });
    cache = opened;
    closing.push(() => opened.close());
    const deps = {
      db,
      clock: systemClock,
      random: systemRandom,
      cache,
      log,
      config: complete,
      secrets: deriveSecrets(complete.secrets.root as string, complete.secrets.previousRoots),
      hasher,
    };
    await refuseLostRoot(deps, config.secrets.root !== null);
    cache.refillFrom(() => liveRevocations(deps));
    return {
      deps,
      embedded: server !== null,
      close,
      async abandon() {
        void db.close();
        await server?.release();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const SETTINGS_REFUSED =
  'The pooler before the database takes no time limits from a client, so the server keeps none for this service. Set them ' +
  "for its role (alter role … set statement_timeout = '15s'; alter role … set idle_in_transaction_session_timeout = '30s'), " +
  'and let the pooler pass over them: ignore_startup_parameters = ' +
  Object.keys(SERVER_SETTINGS).join(', ');

// Loaded only where it is needed, because production has a server elsewhere.
async function openServer({ dataDir }: Config, log: Log, signal?: AbortSignal): Promise<Embedded> {
  const { openEmbedded } = await import('./platform/embedded/open.ts');
  return openEmbedded({ dataDir, log, signal });
}
