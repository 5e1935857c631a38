import './platform/process-guard.mjs';
import { readConfiguration } from './configuration.ts';
import { operatorCommands } from './operator-commands.ts';
import { endEarly } from './platform/ending.ts';
import { openLog } from './platform/log.ts';
import { wordsOf } from './platform/start-error.ts';
import { openWorld, type World } from './world.ts';

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

operatorCommands(open, ending)
  .parseAsync()
  .catch((error: unknown) => {
    if (ending.signal.aborted) return;
    say(wordsOf(error));
    process.exitCode = 1;
  });
