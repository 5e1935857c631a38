import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AWAY, NO_CONNECTION_LEFT } from '../database-errors.ts';
import { ServiceClient } from '../service-client.ts';
import { MigrationError } from './migration-error.ts';

export type Say = (message: string) => void;

// The server is there but not ready (57P03, 53300), or not there yet.
const NOT_YET = new Set([...AWAY, '57P03', '53300']);
const RETRY_MS = 500;
// A server behind a firewall does not refuse: it never answers.
const SILENCE_MS = 1_000;

export interface ConnectOptions {
  /** How long to wait for a server that is still booting. */
  readonly waitSeconds?: number;
  /** Ends the wait at once; its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens one connection outside every pool. Waits at most `waitSeconds` for a server that is still booting, and says that it
 * waits. The refusal for a missing database or a rejected role says what to do about it.
 */
export async function connect(
  connection: pg.ClientConfig,
  say: Say,
  { waitSeconds = 60, signal }: ConnectOptions = {},
): Promise<pg.Client> {
  const deadline = performance.now() + waitSeconds * 1000;
  let told = false;
  const tell = (client: pg.Client, why: string) => {
    if (!told) say(`waiting for the database at ${addressOf(client)}: ${why}`);
    told = true;
  };
  for (;;) {
    const client = newClient(connection, Math.min(10_000, waitSeconds * 1000));
    const silence = setTimeout(() => tell(client, 'no answer yet'), SILENCE_MS);
    try {
      return await orAborted(client.connect(), signal);
    } catch (error) {
      // Ending a connection to a silent server takes as long, so an abort does not wait for it.
      const ended = client.end().catch(() => {});
      signal?.throwIfAborted();
      await ended;
      if (!isNotYet(error)) throw explained(error, client);
      if (performance.now() + RETRY_MS > deadline) {
        throw new MigrationError(whyNot(error, addressOf(client), waitSeconds), { cause: error });
      }
      tell(client, messageOf(error));
    } finally {
      clearTimeout(silence);
    }
    await orAborted(sleep(RETRY_MS), signal);
  }
}

// When the wait is aborted, the work goes on, and its outcome is ignored.
function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const give = () => reject(signal.reason as Error);
  if (signal.aborted) give();
  signal.addEventListener('abort', give, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', give));
}

const WHERE = 'DATABASE_URL, or DB_HOST and DB_PORT (for migrations MIGRATE_DATABASE_URL, where it is set)';
const WHO = 'DATABASE_URL, or DB_USER and DB_PASSWORD (for migrations MIGRATE_DATABASE_URL, where it is set)';

// The constructor already reads the certificates that the URL names, so it may throw.
function newClient(connection: pg.ClientConfig, connectionTimeoutMillis: number): pg.Client {
  try {
    const client = new ServiceClient({
      application_name: 'entrecore-auth migrations',
      keepAlive: true,
      connectionTimeoutMillis,
      ...connection,
    });
    // A connection that dies later also fails the statement under way; that failure is the one to report.
    client.on('error', () => {});
    return client;
  } catch (cause) {
    throw new MigrationError(`The database cannot be connected to: ${messageOf(cause)}. Correct ${WHERE}.`, {
      cause,
    });
  }
}

function isNotYet(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return NOT_YET.has(code ?? '') || /timeout expired|Connection terminated/.test(message ?? '');
}

function whyNot(error: unknown, address: string, waitSeconds: number): string {
  const after = `after ${waitSeconds} s: ${messageOf(error)}`;
  return (error as { code?: string }).code === '53300'
    ? `The database at ${address} has no connection left ${after}. ${NO_CONNECTION_LEFT}.`
    : `No database at ${address} ${after}. Start it, or correct ${WHERE}.`;
}

// Whatever prevents a connection lies outside this program.
function explained(cause: unknown, client: pg.Client): MigrationError {
  return new MigrationError(explanation(cause as { code?: string; message: string }, client), { cause });
}

function explanation({ code = '', message }: { code?: string; message: string }, client: pg.Client): string {
  const { host, port, user, database } = client;
  if (code === '3D000') {
    return (
      `There is no database "${database}" on ${host}. Create it: createdb -h ${host} -p ${port} -U ${user} ${database} ` +
      '(or correct DATABASE_URL, or DB_NAME)'
    );
  }
  if (code.startsWith('28')) return `The database refused the role "${user}": ${message}. Correct ${WHO}.`;
  if (/password must be a string/.test(message)) {
    return `The database asks for the password of the role "${user}", and there is none. Set it in ${WHO}.`;
  }
  if (code === '42501') {
    return `The role "${user}" may not use the database: ${message}. Run: grant connect on database "${database}" to "${user}"`;
  }
  if (/does not support SSL/.test(message)) {
    return `The database at ${addressOf(client)} does not speak TLS, which the sslmode of DATABASE_URL, or DB_SSLMODE, asks for. Switch it on there (ssl = on), or set that to disable where nobody can listen in between.`;
  }
  if (/^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/.test(code)) {
    return `The certificate of the database at ${addressOf(client)} does not verify: ${message}. Give its authority in DATABASE_URL (sslrootcert=/path/to/ca.pem), or in DB_SSLROOTCERT, and connect by a name that the certificate has.`;
  }
  return `The database at ${addressOf(client)} refuses: ${message}. Check ${WHERE}.`;
}

function messageOf(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: Error[] };
  return message || errors?.[0]?.message || code || 'no answer';
}

const addressOf = ({ host, port }: pg.Client): string => (host.startsWith('/') ? host : `${host}:${port}`);
