import type { Command } from 'commander';
import { commonBootstrapPassword } from './admin/bootstrap-rules.ts';
import { readConfiguration } from './configuration.ts';
import { ConfigError } from './platform/config/config-error.ts';
import type { LoadedConfig } from './platform/config/load.ts';
import type { Ending } from './platform/ending.ts';
import { describeStored } from './stored-check.ts';

/**
 * `config check`: tells the effective values with secrets masked, what is wrong with them, and what only the database knows.
 * It changes nothing. Exit code 1 on a fault.
 */
export function register(program: Command, ending: Ending): void {
  program
    .command('config')
    .description('the configuration')
    .command('check')
    .description('says what is wrong with it, and the effective values with secrets masked; changes nothing')
    .option('--no-database', 'do not look into the database')
    .action(async ({ database }: { database: boolean }) => {
      const loaded = await describeConfig();
      if (loaded === null || !database) return;
      print('');
      for await (const { text, fault } of describeStored(loaded.config, ending)) {
        if (ending.signal.aborted) return;
        if (fault) process.exitCode = 1;
        print(fault ? `FAULT: ${text}` : text);
      }
    });
}

async function describeConfig(): Promise<LoadedConfig | null> {
  try {
    const loaded = readConfiguration(process.env);
    const common = await commonBootstrapPassword(loaded.config);
    if (common !== null) throw new ConfigError([common], loaded.warnings, loaded.describe());
    print(loaded.describe(), '');
    print(...loaded.warnings.map(warning => `warning: ${warning}`), 'The configuration has no fault.');
    return loaded;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error.effective !== null) print(error.effective, '');
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return null;
  }
}

function print(...lines: string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(''));
}
