import pg from 'pg';
import { loadDatabase } from '../config/load.ts';
import { openEmbedded } from '../embedded/open.ts';
import { openLog } from '../log.ts';

/** The database that a command works on, and the role that it works as. */
export interface Target {
  readonly connection: pg.ClientConfig;
  /** The role that the service runs as, if another one migrates; else null. */
  readonly serviceRole: string | null;
  release(): Promise<void>;
}

/**
 * Opens the configured database as the role that migrates (`MIGRATE_DATABASE_URL`, else the service's own), or the
 * embedded one, which is started if it does not run; `signal` ends the wait for it. Needs no secret but the database's.
 */
export async function openTarget(signal: AbortSignal): Promise<Target> {
  const { database, dataDir } = loadDatabase({ env: process.env });
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
