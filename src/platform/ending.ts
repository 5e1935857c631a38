import { constants } from 'node:os';
import { StartError } from './start-error.ts';

/** How a command ends before it is done: by a signal, or because nobody reads its output any more. */
export interface Ending {
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Has `step` run before the process ends early, whatever the command is at by then: what was told last goes first. */
  before(step: () => Promise<unknown>): void;
}

/**
 * Ends this process by SIGINT, SIGTERM, SIGHUP (the exit code is that of the signal), when the reader of its output has
 * gone (0: `… | head` has all that it wanted; where a fault was found by then, its 1), and when there is no room for its
 * output (1), after what `before` was told: an embedded server must not be left running. A reader of the standard error
 * alone who has gone ends nothing: that stream says how far the work is (`db upgrade head 2>&1 | head`).
 */
export function endEarly(): Ending {
  const controller = new AbortController();
  const steps: (() => Promise<unknown>)[] = [];
  const end = async (code: number) => {
    if (controller.signal.aborted) return;
    controller.abort(new StartError('ended early'));
    // A database on the embedded server is dropped while that still runs.
    for (const step of steps.reverse()) await step().catch(() => {});
    process.exit(code);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => void end(128 + constants.signals[name]));
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      // What is said beside the work may be lost; the work goes on.
      if (stream === process.stderr || controller.signal.aborted) return;
      // EIO: the terminal was closed.
      if (code === 'EPIPE' || code === 'EIO') return void end(Number(process.exitCode ?? 0));
      process.stderr.write(
        `The output could not be written (${code}), so it is not whole. What the command changed by then stands: make room, and look before you run it again.\n`,
      );
      void end(1);
    });
  return { signal: controller.signal, before: step => void steps.push(step) };
}
