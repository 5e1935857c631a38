import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach } from 'vitest';
import { ConfigError } from '../../src/platform/config/config-error.ts';
import { loadConfig } from '../../src/platform/config/load.ts';

export const JWT = 'ugM3tGfGW0bq6a7ASXkjd7yrA2Lb8kXo';
export const ROOT = 'q6pZyRzmM1sTRWnbXcsxYhZq7x2hM1LdWfWc';
/** What a start against a PostgreSQL server needs at least. */
export const SERVER = {
  DB_HOST: 'localhost',
  DB_PASSWORD: 'pw',
  JWT_SECRET_KEY: JWT,
  AUTH_ROOT_SECRET: ROOT,
};

/** A working folder of the test file's own, whose .env is away again before each test, and the configuration read in it. */
export function configFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'entrecore-config-'));
  beforeEach(() => rmSync(join(folder, '.env'), { force: true }));
  afterAll(() => rmSync(folder, { recursive: true }));
  const load = (env: Record<string, string> = {}) => loadConfig({ env, folder });
  return {
    folder,
    load,
    dotenv: (text: string) => writeFileSync(join(folder, '.env'), text),
    /** What is wrong with these variables, in the words of the operator. */
    faultsOf(env: Record<string, string>): readonly string[] {
      try {
        load(env);
        return [];
      } catch (error) {
        if (error instanceof ConfigError) return error.faults;
        throw error;
      }
    },
  };
}
