import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cache } from '../../src/platform/cache.ts';
import type { Clock } from '../../src/platform/clock.ts';
import type { Config } from '../../src/platform/config.ts';
import type { Deps } from '../../src/platform/deps.ts';
import { openHasher } from '../../src/platform/hasher.ts';
import { type Log, openLog } from '../../src/platform/log.ts';
import { openMemoryCache } from '../../src/platform/memory-cache.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { openRedisCache } from '../../src/platform/redis/redis-cache.ts';
import { deriveSecrets } from '../../src/platform/secrets.ts';
import { testDatabase } from './database.ts';

export interface MovableClock extends Clock {
  advance(seconds: number): void;
  set(at: Date): void;
}

export function movableClock(start = new Date('2026-11-23T12:00:00.000Z')): MovableClock {
  let at = start.getTime();
  return {
    now: () => new Date(at),
    advance(seconds) {
      at += seconds * 1000;
    },
    set(to) {
      at = to.getTime();
    },
  };
}

export const testConfig: Config = {
  // Never the ./data of whoever has started the service in this folder: a test forgets the root secret that lies there.
  dataDir: join(tmpdir(), `entrecore-no-data-${process.pid}`),
  database: { url: null, poolMax: 8, prepare: true, migrateOnStart: false, migrateUrl: null },
  http: {
    host: '127.0.0.1',
    port: 8000,
    publicUrl: 'http://localhost:8000',
    appUrl: 'http://localhost:8000',
    corsOrigins: ['http://localhost:8000'],
    trustProxy: null,
    tls: null,
    metricsToken: null,
  },
  secrets: { root: 'a root secret for tests, 32 bytes+', previousRoots: [] },
  tokens: {
    algorithm: 'HS256',
    jwtSecret: 'a jwt secret for tests, 32 bytes or more',
    previousJwtSecrets: [],
    audience: 'entrecore',
    accessLifetime: 1800,
    keyRotationAge: 90 * 86_400,
  },
  sessions: { idleLifetime: 7 * 86_400, maxAge: 30 * 86_400, reuseGrace: 10, reauthAge: 600 },
  mail: { smtpUrl: null, from: 'Entrecore <no-reply@example.com>' },
  sms: { webhook: null, twilio: null, countries: null },
  google: { clientIds: [], clientSecret: null, issuer: 'https://accounts.google.com' },
  oidcProviders: [],
  redirectUris: ['http://localhost:8000'],
  bootstrap: null,
  requireVerifiedEmail: false,
  signInByMail: false,
  passkeys: { rpId: 'localhost', origins: ['http://localhost:8000'] },
  passwords: {
    minLength: 8,
    maxLength: 256,
    require: ['lower', 'upper', 'digit_or_symbol'],
    blocklist: true,
    breachCheckUrl: null,
    maxAgeDays: 0,
    history: 5,
    hash: 'bcrypt',
    bcryptCost: 4,
    argon2MemoryKib: 64,
    argon2Passes: 1,
    queueMax: 128,
  },
  lockout: { attempts: 5, window: 900, duration: 900, maxDuration: 86_400 },
  rateLimit: 'off',
  audit: { checkpointFile: null, checkpointUrl: null, retentionDays: 0 },
  brand: { name: null, color: '#1f4fd8', logoUrl: null },
  redisUrl: null,
  logLevel: 'silent',
};

/** Config with some members replaced, two levels deep. */
export function configWith(
  overrides: { [Key in keyof Config]?: Partial<Config[Key]> | Config[Key] },
): Config {
  const merged: Record<string, unknown> = { ...testConfig };
  for (const [key, value] of Object.entries(overrides)) {
    const base = merged[key];
    const both = isRecord(base) && isRecord(value);
    merged[key] = both ? { ...base, ...value } : value;
  }
  return merged as unknown as Config;
}

export interface TestDeps extends Deps {
  readonly clock: MovableClock;
  readonly databaseUrl: string;
  close(): Promise<void>;
}

/** A whole world on a fresh database: movable clock, cheap hashing, silent log. */
export async function testDeps(overrides: Parameters<typeof configWith>[0] = {}): Promise<TestDeps> {
  const { db, url, close } = await testDatabase();
  const config = configWith(overrides);
  const clock = movableClock();
  const log = openLog(config.logLevel);
  const cache = await testCache(config, clock, log);
  return {
    db,
    databaseUrl: url,
    clock,
    random: systemRandom,
    config,
    log,
    secrets: deriveSecrets(config.secrets.root ?? '', config.secrets.previousRoots),
    hasher: openHasher(config.passwords),
    cache,
    async close() {
      await cache.close();
      await close();
    },
  };
}

// The server that the test names; that of TEST_REDIS_URL, under a prefix of its own; else memory.
async function testCache({ redisUrl }: Config, clock: Clock, log: Log): Promise<Cache> {
  if (redisUrl !== null) return openRedisCache({ url: redisUrl, clock, log, checkInterval: 100 });
  const url = process.env.TEST_REDIS_URL;
  if (url === undefined) return openMemoryCache({ clock, log });
  return openRedisCache({ url, clock, log, prefix: `{entrecore-test-${randomBytes(6).toString('hex')}}` });
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
