import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { MigrationError } from './migration-error.ts';

export type Say = (message: string) => void;

// The server is there but not ready (57P03, 53300), or not there yet.
const NOT_YET = new Set([
  '57P03',
  '53300',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
]);
const RETRY_MS = 500;

/**
 * One connection of its own, outside every pool. A server that is still booting is waited for, with a message, for
 * `waitSeconds` at most; a missing database and a refused role are said with what to do about them.
 */
export async function connect(connection: pg.ClientConfig, say: Say, waitSeconds = 60): Promise<pg.Client> {
  const deadline = performance.now() + waitSeconds * 1000;
  for (let told = false; ; told = true) {
    const client = new pg.Client({
      application_name: 'entrecore-auth migrations',
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      ...connection,
    });
    // A connection that dies later also fails the statement under way; that failure is the one to report.
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.end().catch(() => {});
      if (!isNotYet(error)) throw explained(error, client);
      if (performance.now() + RETRY_MS > deadline) {
        throw new MigrationError(
          `No database at ${addressOf(client)} after ${waitSeconds} s: ${messageOf(error)}`,
        );
      }
      if (!told) say(`waiting for the database at ${addressOf(client)}: ${messageOf(error)}`);
      await sleep(RETRY_MS);
    }
  }
}

function isNotYet(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return NOT_YET.has(code ?? '') || /timeout expired|Connection terminated/.test(message ?? '');
}

function explained(error: unknown, { host, port, user, database }: pg.Client): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  if (error.code === '3D000') {
    return new MigrationError(
      `There is no database "${database}" on ${host}. Create it: createdb -h ${host} -p ${port} -U ${user} ${database}`,
    );
  }
  if (error.code?.startsWith('28'))
    return new MigrationError(`The database refused the role "${user}": ${error.message}`);
  return error;
}

function messageOf(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: Error[] };
  return message || errors?.[0]?.message || code || 'no answer';
}

const addressOf = ({ host, port }: pg.Client): string => (host.startsWith('/') ? host : `${host}:${port}`);
