import { fileURLToPath } from 'node:url';
import type { Config } from '../config.ts';
import { StartError } from '../start-error.ts';
import { assemble } from './assemble.ts';
import { describeValues } from './describe.ts';
import { applyRules } from './rules.ts';
import { collect, type Environment, type Given } from './sources.ts';
import { type Name, names, type Values, variableOf } from './table.ts';
import { Unacceptable } from './variable.ts';

export interface LoadOptions {
  /** The process environment. */
  readonly env: Environment;
  /** Where `.env` lies and relative paths begin; the program's folder when left out. */
  readonly folder?: string;
  /** Another name than `.env`, relative to `folder`. */
  readonly envFile?: string;
}

// Not the current folder: a command that is run from elsewhere must find the same database.
const PROGRAM = fileURLToPath(new URL('../../../', import.meta.url));

export interface LoadedConfig {
  readonly config: Config;
  readonly warnings: readonly string[];
  /** The effective values, a line each, with where they come from; secrets are masked. */
  describe(): string;
}

/** Everything that is wrong with the configuration, each with what to do about it. */
export class ConfigError extends StartError {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];

  constructor(faults: readonly string[], warnings: readonly string[]) {
    super(
      [
        `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:`,
        ...faults.map(fault => `  - ${fault}`),
        // What is missing was perhaps misspelt.
        ...(warnings.length > 0 ? ['Beside that:', ...warnings.map(warning => `  - ${warning}`)] : []),
        'All variables are described in .env.example; "npm run cli -- config check" checks them again.',
      ].join('\n'),
    );
    this.name = 'ConfigError';
    this.faults = faults;
    this.warnings = warnings;
  }
}

/** Reads, checks and freezes the configuration. Throws one `ConfigError` that lists all faults at once. */
export function loadConfig({ env, folder = PROGRAM, envFile = '.env' }: LoadOptions): LoadedConfig {
  const { given, faults: unreadable, warnings: misspelt } = collect(env, folder, envFile);
  const faults = [...unreadable];
  const warnings = [...misspelt];
  const effective = withDefaults(given);

  const values: Record<string, unknown> = {};
  for (const name of names) {
    const text = effective.get(name)?.text;
    try {
      values[name] = text === undefined ? null : variableOf(name).parse(text);
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      // A default that derives from a faulty variable would repeat its fault.
      if (given.has(name)) faults.push(`${name} ${error.message}.`);
    }
  }
  applyRules({
    values: values as Partial<Values>,
    folder,
    env,
    isGiven: name => given.has(name),
    fault: message => faults.push(message),
    warn: message => warnings.push(message),
  });
  if (faults.length > 0) throw new ConfigError(faults, warnings);
  return {
    config: assemble(values as unknown as Values, folder),
    warnings,
    describe: () => describeValues(effective),
  };
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
