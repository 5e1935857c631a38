import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import { assemble, assembleDatabase, type DatabaseConfig } from './assemble.ts';
import { ConfigError } from './config-error.ts';
import { databaseRules } from './database-rules.ts';
import { describeValues } from './describe.ts';
import type { Judged } from './judged.ts';
import { applyRules } from './rules.ts';
import { collect, type Environment, type Given } from './sources.ts';
import { type Name, names, type Values, variableOf } from './table.ts';
import { Unacceptable } from './variable.ts';
import { database } from './variables/database.ts';

export interface LoadOptions {
  /** The process environment. */
  readonly env: Environment;
  /** Where `.env` lies and relative paths begin; the program's folder when left out. */
  readonly folder?: string;
  /** The file to read instead of `.env`, relative to `folder`. */
  readonly envFile?: string;
  /** The slices' own rules, applied after those of the platform. */
  readonly rules?: readonly ((judged: Judged) => void)[];
}

// Not the current folder: a command that is run from elsewhere must find the same database.
const PROGRAM = fileURLToPath(new URL('../../../', import.meta.url));

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** The effective values, a line each, with where they come from; secrets are masked. */
  describe(): string;
}

/** Reads, checks and freezes the configuration. Throws one `ConfigError` that lists all faults at once. */
export function loadConfig(options: LoadOptions): LoadedConfig {
  const { values, effective, folder, warnings } = judge(options, names, judged => {
    applyRules(judged);
    for (const rule of options.rules ?? []) rule(judged);
  });
  return {
    config: assemble(values as unknown as Values, folder),
    warnings,
    describe: () => describeValues(effective),
  };
}

/**
 * The configuration of the database alone: no other variable is judged, and no other secret is read. Throws `ConfigError` as
 * above.
 */
export function loadDatabase(options: LoadOptions): DatabaseConfig {
  const { values, folder } = judge(options, Object.keys(database) as Name[], databaseRules);
  return assembleDatabase(values as unknown as Values, folder);
}

interface Verdict {
  readonly values: Record<string, unknown>;
  readonly effective: ReadonlyMap<Name, Given>;
  readonly folder: string;
  readonly warnings: readonly string[];
}

function judge(
  { env, folder = PROGRAM, envFile = '.env' }: LoadOptions,
  wanted: readonly Name[],
  applyTo: (judged: Judged) => void,
): Verdict {
  const { given, unusable, faults: unreadable, warnings: misspelt } = collect(env, folder, envFile, wanted);
  const faults = [...unreadable];
  const warnings = [...misspelt];
  const effective = withDefaults(given);

  const values: Record<string, unknown> = {};
  const useless = new Set(unusable);
  for (const name of wanted) {
    // The rules would judge a default in its place as if somebody had chosen it.
    if (unusable.has(name)) continue;
    const text = effective.get(name)?.text;
    try {
      values[name] = text === undefined ? null : variableOf(name).parse(text);
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      useless.add(name);
      // A default that derives from a faulty variable would repeat its fault.
      if (given.has(name)) faults.push(`${name} ${error.message}.`);
    }
  }
  applyTo({
    values: values as Partial<Values>,
    folder,
    env,
    isGiven: name => given.has(name) || unusable.has(name),
    fault: message => faults.push(message),
    warn: message => warnings.push(message),
  });
  if (faults.length > 0) throw new ConfigError(faults, warnings, describeValues(effective, useless));
  return { values, effective, folder, warnings };
}

function withDefaults(given: ReadonlyMap<Name, Given>): ReadonlyMap<Name, Given> {
  const effective = new Map<Name, Given>();
  const lookup = (name: string): string | null => {
    const known = effective.get(name as Name) ?? given.get(name as Name);
    if (known !== undefined) return known.text;
    const { fallback } = variableOf(name as Name);
    return typeof fallback === 'function' ? fallback(lookup) : fallback;
  };
  for (const name of names) {
    const own = given.get(name);
    const text = own?.text ?? lookup(name);
    if (own !== undefined) effective.set(name, own);
    else if (text !== null) effective.set(name, { text, source: 'default' });
  }
  return effective;
}
