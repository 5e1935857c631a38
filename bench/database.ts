import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hash as argon2 } from '@node-rs/argon2';
import { hash as bcrypt } from '@node-rs/bcrypt';
import pg from 'pg';
import { openEmbedded } from '../src/platform/embedded/open.ts';
import { openLog } from '../src/platform/log.ts';
import { readRevisions } from '../src/platform/migrations/revisions.ts';
import { upgrade } from '../src/platform/migrations/upgrade.ts';
import { PASSWORD, SEALED_PREFIX } from './people.ts';

/** A PostgreSQL server to measure on. */
export interface Place {
  readonly name: string;
  readonly version: string;
  /** Makes, migrates and fills a database; its URL. Users are the multiples of what people.ts counts. */
  fill(users: number): Promise<string>;
  close(): Promise<void>;
}

/** The embedded server, durable as in production, under a folder that goes away. */
export async function embeddedPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'entrecore-bench-'));
  const server = await openEmbedded({ dataDir: folder, log: openLog('warn') });
  const place = await placeAt('embedded', server.superuserUrl);
  return {
    ...place,
    async close() {
      await place.close();
      await server.release();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Somebody's server, by the URL of a role that may create databases. Only databases named entrecore_bench_* are touched. */
export async function placeAt(name: string, url: string): Promise<Place> {
  const made: string[] = [];
  const [row] = await query<{ server_version: string }>(url, 'show server_version');
  return {
    name,
    version: row?.server_version ?? '',
    async fill(users) {
      const database = `entrecore_bench_${users}`;
      made.push(database);
      await query(url, `drop database if exists ${database} with (force)`);
      await query(url, `create database ${database}`);
      const at = new URL(url);
      at.pathname = `/${database}`;
      await upgrade({
        connection: { connectionString: at.href },
        revisions: await readRevisions(),
        say: () => {},
      });
      await insertUsers(at.href, users);
      return at.href;
    },
    async close() {
      for (const database of made) await query(url, `drop database if exists ${database} with (force)`);
    },
  };
}

/** Runs statements, one after the other, over a connection of their own; the rows of the last. */
export async function query<Row = unknown>(url: string, ...statements: string[]): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Row[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

const user = (n: string) => `('01900000-0000-7000-9000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;

// Even users have an argon2id hash, odd ones bcrypt's: all of the one password, hashed once.
async function insertUsers(url: string, users: number): Promise<void> {
  const bytes = Buffer.from(PASSWORD);
  const even = await argon2(bytes, { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const odd = await bcrypt(bytes, { cost: 12 });
  const people = `generate_series(1, ${users}) as n`;
  await query(
    url,
    // Rows that refer to each other by construction need no check of it; where the role may not say so, it takes longer.
    `do $$ begin set session_replication_role = replica; exception when insufficient_privilege then end $$`,
    `insert into users (id, email, username, first_name, last_name, full_name, phone_number, email_verified_at, created_at, updated_at)
     select ${user('n')}, 'person' || n || '@example.com', 'person' || n, 'Given', 'Family' || n, 'Given Family' || n, '+4366412345678',
       now(), now() - n * interval '1 second', now() from ${people}`,
    `insert into identifiers (key, user_id, kind) select 'person' || n || '@example.com', ${user('n')}, 'email' from ${people}`,
    `insert into identifiers (key, user_id, kind) select 'person' || n, ${user('n')}, 'username' from ${people}`,
    `insert into user_roles (user_id, role_name, granted_at) select ${user('n')}, 'user', now() from ${people}`,
    `insert into passwords (user_id, hash, changed_at)
     select ${user('n')}, case when n % 2 = 0 then '${even}' else '${odd}' end, date_trunc('milliseconds', now()) from ${people}`,
    'vacuum (analyze) users, identifiers, user_roles, passwords',
  );
}

/** Adds, with what each owner has in the audit trail since their first login, live sessions `from` to `from + count - 1`; people.ts has their tokens. */
export async function insertSessions(url: string, users: number, from: number, count: number): Promise<void> {
  const owner = `1 + (n::bigint * 7919) % ${users}`;
  await query(
    url,
    `insert into audit_keys (user_id, secret, created_at)
     select distinct ${user(owner)}, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), now()
     from generate_series(${from}, ${from + count - 1}) as n on conflict do nothing`,
    `insert into sessions (id, user_id, seed_hash, seed_sealed, rotated_at, idle_expires_at, expires_at, auth_time, amr, ip,
       user_agent, created_at)
     select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${user(owner)},
       sha256(sha256(convert_to('seed ' || n, 'UTF8'))), '\\x${SEALED_PREFIX}'::bytea || sha256('sealed'), now(), now() + interval '7 days',
       now() + interval '30 days', now(), '{pwd}', '127.0.0.1', 'bench', now()
     from generate_series(${from}, ${from + count - 1}) as n`,
    'vacuum (analyze) sessions',
    'analyze audit_keys',
  );
}
