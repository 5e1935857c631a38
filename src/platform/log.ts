import { destination, type Logger, pino, symbols } from 'pino';
import type { Config } from './config.ts';

export type Log = Logger;

/** The structured log, one JSON object a line, on the standard output or (2) the standard error. Anything named like a secret is masked. */
export function openLog(level: Config['logLevel'], descriptor: 1 | 2 = 1): Log {
  // Written in the background and together: a line costs a request no system call, and comes a moment later at most.
  const stream = destination({ fd: descriptor, sync: false, minLength: 4096, periodicFlush: FLUSH_MS });
  // A terminal that was closed must not end what the embedded server still needs. Nobody reads on, so nothing is written
  // any more: at the exit the stream would try the same line for ever.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO') throw error;
    Object.assign(stream, { write: nothing, flushSync: nothing, end: nothing });
  });
  return pino(
    {
      level,
      base: undefined,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    },
    stream,
  );
}

/**
 * Writes lines of a level `info` that hold no secret, in a quarter of the time that a logger takes: for the one line
 * that every answer costs.
 */
export function plainLines(log: Log): (line: Readonly<Record<string, unknown>>, message: string) => void {
  const stream = (log as unknown as Record<symbol, { write(text: string): unknown }>)[symbols.streamSym];
  return (line, msg) => {
    if (!log.isLevelEnabled('info')) return;
    stream?.write(`${JSON.stringify({ level: 'info', time: new Date().toISOString(), ...line, msg })}\n`);
  };
}

const nothing = () => {};

// How long a line may wait for others. What waits is written when the process exits.
const FLUSH_MS = 100;

const SECRET_NAMES = [
  'password',
  'token',
  'access_token',
  'refresh_token',
  'secret',
  'authorization',
  'cookie',
  'code',
];
const SECRET_PATHS = SECRET_NAMES.flatMap(name => [name, `*.${name}`]);
