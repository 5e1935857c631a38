import { constants } from 'node:os';
import { StartError } from './start-error.ts';

/** How a command ends before it is done: by a signal, or because nobody reads its output any more. */
export interface Ending {
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Has `step` run before the process ends early, whatever the command is at by then. */
  before(step: () => Promise<unknown>): void;
}

/**
 * Ends this process by SIGINT, SIGTERM, SIGHUP (the exit code is that of the signal) and when the reader of its output has
 * gone (0: `… | head` has all that it wanted), after what `before` was told: an embedded server must not be left running.
 */
export function endEarly(): Ending {
  const controller = new AbortController();
  const steps: (() => Promise<unknown>)[] = [];
  const end = async (code: number) => {
    if (controller.signal.aborted) return;
    controller.abort(new StartError('ended early'));
    await Promise.allSettled(steps.map(step => step()));
    process.exit(code);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => void end(128 + constants.signals[name]));
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // EIO: the terminal was closed.
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      void end(0);
    });
  return { signal: controller.signal, before: step => void steps.push(step) };
}
