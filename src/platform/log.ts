import { type Logger, pino, stdSerializers, symbols } from 'pino';
import type { Config } from './config.ts';
import { type LogStream, logStream } from './log-stream.ts';

export type Log = Logger;

/**
 * The structured log, one JSON object a line, on the standard output or (2) the standard error. Anything named like a secret is
 * masked, and of an error only the members that say what failed are kept. A log that cannot be written neither ends nor halts
 * anything (log-stream.ts).
 */
export function openLog(level: Config['logLevel'], descriptor: 1 | 2 = 1): Log {
  return pino(
    {
      level,
      base: undefined,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label }), log: maskCodes },
      redact: { paths: SECRET_PATHS, censor: MASK },
      serializers: {
        err: (error: unknown) => (error instanceof Error ? tellable(stdSerializers.err(error)) : error),
      },
    },
    logStream(descriptor, dropNotice),
  );
}

/**
 * Writes lines of level `info` with one message, from members that are JSON already and hold no secret, in a tenth of the time
 * that a logger takes: for the one line that every answer costs.
 */
export function plainLines(log: Log, message: string): (members: string) => void {
  const stream = (log as unknown as Record<symbol, LogStream>)[symbols.streamSym];
  const end = `,"msg":${JSON.stringify(message)}}\n`;
  let at = 0;
  let time = '';
  return members => {
    if (!log.isLevelEnabled('info')) return;
    const now = Date.now();
    // Several lines a millisecond are common under load.
    if (now !== at) time = new Date((at = now)).toISOString();
    stream?.write(`{"level":"info","time":"${time}",${members}${end}`);
  };
}

function dropNotice(dropped: number, why: string): string {
  const msg = `The log could not be written (${why}). Lines missing here: ${dropped}. Look after its disk, or whatever reads it.`;
  return `${JSON.stringify({ level: 'error', time: new Date().toISOString(), msg })}\n`;
}

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

// The `code` of an error says what failed (ECONNREFUSED); any other `code` may let somebody in. A redaction path cannot tell them
// apart.
function maskCodes(line: Record<string, unknown>): Record<string, unknown> {
  const masked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(line)) {
    const bears = typeof value === 'object' && value !== null && !(value instanceof Error) && 'code' in value;
    masked[name] = name === 'code' ? MASK : bears ? { ...value, code: MASK } : value;
  }
  return masked;
}

// The members of an error that are kept. Others that libraries add may quote: Redis's client the command that was refused, and so
// its own password; PostgreSQL's driver the row.
const TELLING: ReadonlySet<string> = new Set([
  'type',
  'message',
  'stack',
  'code',
  'errno',
  'syscall',
  'address',
  'port',
  'hostname',
  'severity',
  'schema',
  'table',
  'column',
  'constraint',
  'routine',
]);

function tellable(told: object): object {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(told)) {
    if (name === 'aggregateErrors') kept[name] = (value as object[]).map(tellable);
    else if (isSerialized(value)) kept[name] = tellable(value);
    else if (TELLING.has(name)) kept[name] = value;
  }
  return kept;
}

const isSerialized = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && 'stack' in value && 'type' in value;
