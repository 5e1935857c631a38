import pg from 'pg';
import { ConfigError, loadConfig } from '../config/load.ts';
import type { Config } from '../config.ts';
import { openEmbedded } from '../embedded/open.ts';
import { openLog } from '../log.ts';
import { MigrationError } from './migration-error.ts';

/** The database that a command works on, and as whom. */
export interface Target {
  readonly connection: pg.ClientConfig;
  /** The role that the service runs as, where another one migrates. */
  readonly serviceRole: string | null;
  release(): Promise<void>;
}

/**
 * Opens the configured database as the role that migrates (`MIGRATE_DATABASE_URL`, else the service's own), or the
 * embedded one, which is started if it does not run; `signal` ends the wait for it. Needs no secret but the database's.
 */
export async function openTarget(signal: AbortSignal): Promise<Target> {
  const { database, dataDir } = readConfig();
  if (database.url === null) {
    const { connection, release } = await openEmbedded({ dataDir, log: openLog('error'), signal });
    return { connection, serviceRole: null, release };
  }
  const { migrateUrl, url } = database;
  return {
    connection: { connectionString: migrateUrl ?? url },
    serviceRole: migrateUrl === null ? null : (new pg.Client(url).user ?? null),
    release: async () => {},
  };
}

function readConfig(): Config {
  const { env } = process;
  try {
    return loadConfig({ env }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
  }
  // A job that migrates need not hold the secret that signs tokens.
  const { JWT_SECRET_KEY: _, JWT_SECRET_KEY_FILE: __, ...others } = env;
  try {
    return loadConfig({ env: { ...others, JWT_SECRET_KEY: 'not used by a migration '.repeat(4) } }).config;
  } catch (error) {
    if (error instanceof ConfigError) throw new MigrationError(error.message, { cause: error });
    throw error;
  }
}
