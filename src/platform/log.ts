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
      formatters: { level: label => ({ level: label }), log: maskCodes },
      redact: { paths: SECRET_PATHS, censor: MASK },
    },
    stream,
  );
}

/**
 * Writes lines of a level `info` that hold no secret, of members that are JSON already, in a tenth of the time that a logger
 * takes: for the one line that every answer costs.
 */
export function plainLines(log: Log): (members: string, message: string) => void {
  const stream = (log as unknown as Record<symbol, { write(text: string): unknown }>)[symbols.streamSym];
  return (members, message) => {
    if (!log.isLevelEnabled('info')) return;
    stream?.write(
      `{"level":"info","time":"${new Date().toISOString()}",${members},"msg":${JSON.stringify(message)}}\n`,
    );
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
];
const MASK = '[redacted]';
const SECRET_PATHS = SECRET_NAMES.flatMap(name => [name, `*.${name}`]);

// The code of an error says what failed (ECONNREFUSED); every other one may let somebody in. A path cannot tell them apart.
function maskCodes(line: Record<string, unknown>): Record<string, unknown> {
  const masked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(line)) {
    const bears = typeof value === 'object' && value !== null && !(value instanceof Error) && 'code' in value;
    masked[name] = name === 'code' ? MASK : bears ? { ...value, code: MASK } : value;
  }
  return masked;
}
