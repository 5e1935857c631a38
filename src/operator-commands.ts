import { Command } from 'commander';
import { findAccountByLogin } from './accounts/find.ts';
import { register as registerAdmin } from './admin/commands.ts';
import { register as registerWhy } from './admin/explain-command.ts';
import { register as registerAudit } from './audit/commands.ts';
import { register as registerConfig } from './config-check.ts';
import { register as registerOutbox } from './delivery/commands.ts';
import { register as registerKeys } from './keys/commands.ts';
import type { Open } from './platform/command-world.ts';
import type { Ending } from './platform/ending.ts';

/** Every command of `npm run cli`; `open` gives the world to those that need more than the configuration. */
export function operatorCommands(open: Open, ending: Ending): Command {
  const program = new Command('entrecore-auth')
    .description("The operator's commands. They share the database with a running service.")
    .showHelpAfterError()
    .configureHelp({ sortSubcommands: true });
  registerConfig(program, ending);
  registerWhy(program, open);
  registerAdmin(program, open);
  registerKeys(program, open);
  registerAudit(program, open, findAccountByLogin);
  registerOutbox(program, open);
  return program;
}
