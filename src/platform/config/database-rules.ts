import { resolve } from 'node:path';
import { faultOfDataDir } from '../data-dir.ts';
import { faultsOfAuthority } from './certificate-files.ts';
import { hasServer, type Judged } from './judged.ts';
import { isElsewhere, plainTextHost, saysDriverMode } from './postgres-url.ts';
import { judgeUrlFiles } from './url-files.ts';

const PARTS = ['DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD', 'DB_SSLMODE', 'DB_SSLROOTCERT'] as const;

/** Judges which database is meant, whether others can read the traffic to it, and where the embedded one lies. */
export function databaseRules(judged: Judged): void {
  const { isGiven, fault, warn } = judged;
  const parts = PARTS.filter(isGiven);
  if (!hasServer(judged) && parts.length > 0) {
    fault(`${parts.join(', ')} set without DB_HOST: set DB_HOST too (localhost), or remove it.`);
  }
  if (isGiven('DATABASE_URL') && (isGiven('DB_HOST') || parts.length > 0)) {
    warn(`DATABASE_URL wins: DB_HOST, ${PARTS.slice(0, -1).join(', ')} and ${PARTS.at(-1)} are not used.`);
  }
  if (isGiven('DB_HOST') && !isGiven('DATABASE_URL')) {
    if (!isGiven('DB_PASSWORD')) {
      warn('DB_PASSWORD is not set: the default "password" is used. Give the role a password of its own.');
    }
    authorityRules(judged);
  }
  if (isGiven('MIGRATE_DATABASE_URL') && !hasServer(judged)) {
    fault('MIGRATE_DATABASE_URL needs a PostgreSQL server: set DATABASE_URL or DB_HOST, or remove it.');
  }
  for (const name of ['DATABASE_URL', 'MIGRATE_DATABASE_URL'] as const) judgeUrlFiles(judged, name);
  plainTextRules(judged);
  dataDirRules(judged);
}

function authorityRules({ values, folder, fault, warn }: Judged): void {
  const { DB_SSLROOTCERT: authority, DB_SSLMODE: mode } = values;
  if (typeof authority !== 'string') return;
  for (const found of faultsOfAuthority('DB_SSLROOTCERT', resolve(folder, authority))) fault(found);
  if (mode === 'disable' || mode === 'no-verify') {
    warn(`DB_SSLROOTCERT is not used: DB_SSLMODE=${mode} verifies nothing. Set DB_SSLMODE=verify-full.`);
  }
}

// A private network may be trusted, so plain text is not refused; but nobody should use it without knowing.
function plainTextRules({ values, env, isGiven, warn }: Judged): void {
  const told = (name: string, host: string, mode: string, authority: string) =>
    warn(
      `${name}: everything goes to ${host} in plain text, the password included. Set ${mode}=verify-full (with ${authority}=/path/to/ca.pem for an authority of your own), or ${mode}=disable where nobody can listen on the way.`,
    );
  for (const name of ['DATABASE_URL', 'MIGRATE_DATABASE_URL'] as const) {
    const url = values[name];
    const host = typeof url === 'string' ? plainTextHost(url, env) : null;
    if (host !== null) told(name, host, 'its sslmode', 'sslrootcert');
  }
  const { DB_HOST: host, DB_SSLMODE, DB_SSLROOTCERT } = values;
  if (typeof host !== 'string' || isGiven('DATABASE_URL') || !isElsewhere(host)) return;
  if (DB_SSLMODE === null && DB_SSLROOTCERT === null && !saysDriverMode(env))
    told('DB_HOST', host, 'DB_SSLMODE', 'DB_SSLROOTCERT');
}

// With a PostgreSQL server, nothing is written to DATA_DIR.
function dataDirRules(judged: Judged): void {
  const { DATA_DIR: dataDir } = judged.values;
  if (hasServer(judged) || dataDir === undefined) return;
  const fault = faultOfDataDir(resolve(judged.folder, dataDir));
  if (fault !== null) judged.fault(fault);
}
