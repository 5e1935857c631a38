import './platform/process-guard.mjs';
import { Command } from 'commander';
import { findAccountByLogin } from './accounts/find.ts';
import { register as registerAdmin } from './admin/commands.ts';
import { register as registerWhy } from './admin/explain-command.ts';
import { register as registerAudit } from './audit/commands.ts';
import { register as registerConfig } from './config-check.ts';
import { readConfiguration } from './configuration.ts';
import { register as registerOutbox } from './delivery/commands.ts';
import { register as registerKeys } from './keys/commands.ts';
import { endEarly } from './platform/ending.ts';
import { openLog } from './platform/log.ts';
import { openWorld, type World } from './world.ts';

const program = new Command('entrecore-auth')
  .description("The operator's commands. They share the database with a running service.")
  .showHelpAfterError()
  .configureHelp({ sortSubcommands: true });

const ending = endEarly();
const say = (line: string) => void process.stderr.write(`${line}\n`);

/** Opens the world for one command; what it logs goes to the standard error, so that output can be piped. */
function open(): Promise<World> {
  const { config, warnings } = readConfiguration(process.env);
  for (const warning of warnings) say(`warning: ${warning}`);
  const log = openLog(config.logLevel === 'info' ? 'warn' : config.logLevel, 2);
  const world = openWorld(config, log, { say, signal: ending.signal });
  ending.before(async () => (await world).abandon());
  return world;
}

registerConfig(program, ending);
registerWhy(program, open);
registerAdmin(program, open);
registerKeys(program, open);
registerAudit(program, open, findAccountByLogin);
registerOutbox(program, open);

program.parseAsync().catch((error: unknown) => {
  if (ending.signal.aborted) return;
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
