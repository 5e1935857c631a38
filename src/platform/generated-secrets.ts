import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Clock } from './clock.ts';
import { type Config, isSymmetric } from './config.ts';
import { inDataDir } from './data-dir.ts';
import type { Sql } from './database.ts';
import type { Deps } from './deps.ts';
import { SealedError, sealedOutside } from './sealed-columns.ts';
import { sql } from './sql.ts';
import { StartError } from './start-error.ts';

const JWT_FILE = 'jwt-secret-key';
const ROOT_FILE = 'auth-root-secret';
const ROOT_ROW = 'auth-root-secret';
// Enough for HS512 (RFC 7518 §3.2).
const SECRET_BYTES = 64;
const LEAST_LENGTH = 64;

export interface CompletedSecrets {
  /** The configuration with every secret that it needs. */
  readonly config: Config;
  /** What the operator must hear: what was made, where it lies, and where it belongs. */
  readonly notices: readonly string[];
}

/**
 * Adds the secrets that were not configured. Each is made once: under DATA_DIR (0600) with the embedded database; the root secret
 * in `service_secrets` with a PostgreSQL server. Two processes that start at once get the same ones. A generated root that
 * AUTH_ROOT_SECRET has replaced stays in the ring until `keys forget-root`, so that what it sealed opens. Where something is
 * sealed and its root is missing, it refuses and makes nothing: the right service would take the stray root into its ring.
 */
export async function completeSecrets(config: Config, db: Sql, clock: Clock): Promise<CompletedSecrets> {
  const notices: string[] = [];
  const { root, previousRoots } = await completeRoots(config, db, clock, notices);
  const jwtSecret =
    config.tokens.jwtSecret ??
    (needsJwtSecret(config) ? secretInFolder(config.dataDir, JWT_FILE, notices) : null);
  return {
    config: Object.freeze({
      ...config,
      secrets: Object.freeze({ root, previousRoots: Object.freeze(previousRoots) }),
      tokens: Object.freeze({ ...config.tokens, jwtSecret }),
    }),
    notices,
  };
}

/**
 * Forgets a generated root secret that AUTH_ROOT_SECRET has replaced; false where there is none. What it sealed must have been
 * rewrapped before, and refresh tokens from its time are refused from then on.
 */
export async function forgetGeneratedRoot({ db, config }: Pick<Deps, 'db' | 'config'>): Promise<boolean> {
  const { root } = config.secrets;
  if (config.database.url === null) {
    const path = resolve(config.dataDir, ROOT_FILE);
    const kept = readSecret(path);
    if (kept === null || kept === root) return false;
    unlinkSync(path);
    return true;
  }
  const removed = await db.run(sql`
    delete from service_secrets where name = ${ROOT_ROW} and value <> ${Buffer.from(root ?? '')}::bytea`);
  return removed > 0;
}

function needsJwtSecret({ database, tokens }: Config): boolean {
  return database.url === null && isSymmetric(tokens.algorithm);
}

interface Roots {
  readonly root: string;
  readonly previousRoots: readonly string[];
}

interface KeptRoots {
  readonly root: string | null;
  readonly previousRoots: readonly string[];
  /** What the operator must hear about them; null where there is nothing to say. */
  readonly notice: string | null;
}

/**
 * The roots in force: those that are configured, and the one that was made at an earlier start. Makes none: `root` is null then.
 */
export async function keptRoots(config: Config, db: Sql): Promise<KeptRoots> {
  const { root, previousRoots } = config.secrets;
  const kept = await keptRoot(config, db);
  const notice = noticeOf(config, kept);
  return root === null
    ? { root: kept, previousRoots, notice }
    : { ...ringOf(root, previousRoots, kept), notice };
}

async function completeRoots(config: Config, db: Sql, clock: Clock, notices: string[]): Promise<Roots> {
  const { root, previousRoots } = config.secrets;
  const inDatabase = config.database.url !== null;
  const kept = await keptRoot(config, db);
  if (!inDatabase && kept !== null) keepPrivate(resolve(config.dataDir, ROOT_FILE));
  const notice = noticeOf(config, kept);
  if (root !== null) {
    if (notice !== null) notices.push(notice);
    return ringOf(root, previousRoots, kept);
  }
  const found = kept ?? (await foundMeanwhile(config, db));
  if (notice !== null) notices.push(notice);
  if (inDatabase) return { root: found ?? (await makeStoredRoot(db, clock)), previousRoots };
  return { root: found ?? secretInFolder(config.dataDir, ROOT_FILE, notices), previousRoots };
}

// Only with a PostgreSQL server: under DATA_DIR the secret lies where it belongs, and its file is announced when it is made.
function noticeOf({ database, secrets: { root } }: Config, kept: string | null): string | null {
  if (database.url === null) return null;
  if (root === null)
    return 'AUTH_ROOT_SECRET is not set: the one in the database is used, so whoever copies the database can read what it encrypts. Set it: openssl rand -base64 48';
  if (kept === null || kept === root) return null;
  return 'A generated root secret is still in the database: run "npm run cli -- keys rewrap" now, and "keys forget-root" after REFRESH_TOKEN_EXPIRE_DAYS; recovery codes from its time end with it (docs/keys.md).';
}

// Null where nothing was ever sealed here, so that a root may be made.
async function foundMeanwhile(config: Config, db: Sql): Promise<string | null> {
  const places = await sealedOutside(db, []);
  if (places.length === 0) return null;
  // When two first starts run at once, the other may have made the root and sealed under it since this one looked for it.
  const kept = await keptRoot(config, db);
  if (kept !== null) return kept;
  const where =
    config.database.url === null ? `${resolve(config.dataDir, ROOT_FILE)} is not there` : 'none is stored';
  throw new SealedError(
    `AUTH_ROOT_SECRET is missing: it is not set and ${where}, yet stored secrets were sealed under one ` +
      `(${places.join(', ')}). Set it to the value that the service runs with` +
      `${config.database.url === null ? ', or restore that file from a backup' : ''}. Nothing was changed.`,
  );
}

/** The root that was made at an earlier start; null where there is none. Changes nothing. */
function keptRoot({ database, dataDir }: Config, db: Sql): Promise<string | null> | string | null {
  return database.url === null ? readSecret(resolve(dataDir, ROOT_FILE)) : storedRoot(db);
}

function ringOf(root: string, previous: readonly string[], generated: string | null): Roots {
  const kept = generated === null || generated === root || previous.includes(generated) ? [] : [generated];
  return { root, previousRoots: [...previous, ...kept] };
}

async function storedRoot(db: Sql): Promise<string | null> {
  const row = await db.row<{ value: Buffer }>(
    sql`select value from service_secrets where name = ${ROOT_ROW}`,
  );
  return row === null ? null : row.value.toString('utf8');
}

async function makeStoredRoot(db: Sql, clock: Clock): Promise<string> {
  const value = Buffer.from(newSecret());
  await db.run(sql`
    insert into service_secrets (name, value, created_at) values (${ROOT_ROW}, ${value}::bytea, ${clock.now()}::timestamptz)
    on conflict (name) do nothing`);
  const stored = await storedRoot(db);
  if (stored === null) throw new Error('The generated root secret vanished from service_secrets.');
  return stored;
}

function secretInFolder(dataDir: string, name: string, notices: string[]): string {
  const path = resolve(dataDir, name);
  const existing = readSecret(path);
  if (existing !== null) {
    keepPrivate(path);
    return existing;
  }
  inDataDir(dataDir, () => makeSecretFile(dataDir, name, path, notices));
  return readSecret(path) as string;
}

function makeSecretFile(dataDir: string, name: string, path: string, notices: string[]): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  // A finished file is linked into place: a reader never sees half of it, and of two makers one wins.
  const draft = join(dataDir, `.${name}.${process.pid}.${randomBytes(4).toString('hex')}`);
  writeFileSync(draft, `${newSecret()}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    linkSync(draft, path);
    notices.push(`Made ${path} for this development database. Keep it with the data.`);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function readSecret(path: string): string | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT') return null;
    throw notOurs(path, `cannot be read (${code})`, error);
  }
  if (text.length < LEAST_LENGTH) {
    throw new StartError(`${path} is damaged: it holds ${text.length} characters. Restore it from a backup.`);
  }
  return text;
}

// A file that is private already is not changed: its file system may be read-only.
function keepPrivate(path: string): void {
  if ((statSync(path).mode & 0o077) === 0) return;
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    throw notOurs(path, `cannot be kept from others (${(error as { code?: string }).code})`, error);
  }
}

function notOurs(path: string, what: string, cause: unknown): StartError {
  return new StartError(
    `${path} ${what}. It holds a secret of this database: give it back to the user that runs the service, 0600, or restore it from a backup.`,
    { cause },
  );
}

const newSecret = () => randomBytes(SECRET_BYTES).toString('base64url');
