import { constants } from 'node:os';
import { StartError } from './start-error.ts';

/** How a command ends before it is done: by a signal, or because nobody reads its output any more. */
export interface Ending {
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** Has `step` run before the process ends early, whatever the command is doing by then; the last step given runs first. */
  before(step: () => Promise<unknown>): void;
}

/**
 * Ends this process on SIGINT, SIGTERM or SIGHUP (with the signal's exit code), when the reader of its output has gone (with 0,
 * since `… | head` has all that it wanted, or with 1 where a fault was found by then), and when there is no room for its output
 * (with 1). The steps given to `before` run first: an embedded server must not be left running. If only the reader of the
 * standard error has gone, nothing ends: that stream says how far the work is (`db upgrade head 2>&1 | head`).
 */
export function endEarly(): Ending {
  const controller = new AbortController();
  const steps: (() => Promise<unknown>)[] = [];
  const end = async (code: number) => {
    if (controller.signal.aborted) return;
    controller.abort(new StartError('ended early'));
    // In reverse, so that a database on the embedded server is dropped while the server still runs.
    for (const step of steps.reverse()) await step().catch(() => {});
    process.exit(code);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(name, () => void end(128 + constants.signals[name]));
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      // What the standard error would say may be lost; the work goes on.
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
