import type { Command } from 'commander';
import { appendOnlyBy } from './audit/append-only.ts';
import { ConfigError, loadConfig } from './platform/config/load.ts';
import type { Deps } from './platform/deps.ts';
import { countCodesByRoot } from './platform/marked-hashes.ts';
import { countSealed } from './platform/sealed-columns.ts';
import type { World } from './world.ts';

/**
 * `config check`: what is wrong with the configuration, its effective values with secrets masked, and what only the
 * database can tell: how the audit trail is protected, and what an old root secret still holds. Exit code 1 on a fault.
 */
export function register(program: Command, open: () => Promise<World>): void {
  program
    .command('config')
    .description('the configuration')
    .command('check')
    .description('what is wrong with it, and the effective values with secrets masked')
    .option('--no-database', 'without opening the database')
    .action(async ({ database }: { database: boolean }) => {
      const lines = describeConfig();
      if (lines !== null && database) lines.push('', ...(await describeStored(open)));
      if (lines !== null) process.stdout.write(`${lines.join('\n')}\n`);
    });
}

function describeConfig(): string[] | null {
  try {
    const { describe, warnings } = loadConfig({ env: process.env });
    return [
      describe(),
      '',
      ...warnings.map(warning => `warning: ${warning}`),
      'The configuration has no fault.',
    ];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return null;
  }
}

async function describeStored(open: () => Promise<World>): Promise<string[]> {
  const { deps, close } = await open();
  try {
    return ['# stored', await describeTrail(deps), ...(await describeSeals(deps)), await describeCodes(deps)];
  } finally {
    await close();
  }
}

async function describeSeals(deps: Deps): Promise<string[]> {
  const counts = await countSealed(deps);
  if (counts.some(({ unknown }) => unknown > 0)) process.exitCode = 1;
  return counts.map(({ table, column, present, previous, unknown }) =>
    [
      `${table}.${column}: ${present} under AUTH_ROOT_SECRET`,
      ...(previous > 0 ? [`${previous} under a previous one ("keys rewrap" moves them)`] : []),
      ...(unknown > 0 ? [`${unknown} under one that is not configured: these cannot be opened`] : []),
    ].join(', '),
  );
}

async function describeCodes(deps: Deps): Promise<string> {
  const { present, previous, unknown, unmarked } = await countCodesByRoot(deps);
  return [
    `recovery_codes.code_hash: ${present} unused under AUTH_ROOT_SECRET`,
    ...(previous > 0
      ? [`${previous} under a previous one (no rewrap moves them: they work as long as it is configured)`]
      : []),
    ...(unknown > 0 ? [`${unknown} under one that is not configured: these do not work`] : []),
    ...(unmarked > 0 ? [`${unmarked} of an earlier release, which did not note the root`] : []),
  ].join(', ');
}

async function describeTrail({ db }: Deps): Promise<string> {
  const by = await appendOnlyBy(db);
  if (by === 'nothing') process.exitCode = 1;
  return `audit trail: ${TRAIL[by]}`;
}

const TRAIL = {
  privilege: "append-only by privilege: this service's role may not change it",
  trigger: 'append-only by trigger: the role of this service owns it (see MIGRATE_DATABASE_URL)',
  nothing: 'NOT append-only: a trigger of it is gone or off',
} as const;
