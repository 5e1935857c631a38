import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { problems } from '../problems.ts';
import type { Random } from '../random.ts';

const TEXTS: Readonly<Record<string, readonly [status: number, text: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
};

// Node's own fields: the request whose end it waits for, and the answer whose turn it is.
interface Connection extends Socket {
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * Answers bytes that this service does not read as a request (RFC 9112 §6.3: both lengths, two lengths, a folded header, a
 * bad chunk) in the form of every other error, and closes the connection: what follows on it may be smuggled. The refusal
 * follows the answers to earlier requests (RFC 9112 §9.3.2), and is left out if the request has its answer already.
 */
export function refuseConnection(random: Random) {
  // Whether the refusal was sent yet. Anything else that comes on the connection is an error, too.
  const told = new WeakMap<Socket, boolean>();
  return (error: Error & { code?: string }, connection: Connection): void => {
    const before = told.get(connection);
    if (error.code === 'ECONNRESET' || connection.destroyed || before === true) {
      connection.destroy();
      return;
    }
    if (before === false) return;
    told.set(connection, false);
    // After a CONNECT, Node hands over the connection without an error listener: a reset would end the process.
    connection.on('error', () => connection.destroy());
    inTurn(connection, () => {
      told.set(connection, true);
      refuse(error, connection, random);
    });
  };
}

function inTurn(connection: Connection, answerNow: () => void): void {
  // The connection's last answer is on its way out, and closes it.
  if (!connection.writable) return;
  const { parser, _httpMessage: answer } = connection;
  const broken = parser?.incoming?.complete === false ? parser.incoming : null;
  if (answer && answer.req !== broken) {
    answer.once('close', () => inTurn(connection, answerNow));
    return;
  }
  if (answer ? answer.headersSent : broken !== null) connection.destroy();
  else answerNow();
}

function refuse(error: Error & { code?: string }, socket: Socket, random: Random): void {
  const { status: usual, message: sentence } = problems.malformed_request;
  const [status, message] = TEXTS[error.code ?? ''] ?? [usual, sentence];
  const id = random.uuid();
  const body = JSON.stringify({ detail: message, code: 'malformed_request', message, request_id: id });
  socket.end(
    [
      `HTTP/1.1 ${status} ${process.getBuiltinModule('node:http').STATUS_CODES[status] ?? ''}`,
      'Connection: close',
      'Content-Type: application/json; charset=utf-8',
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      `X-Request-Id: ${id}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
  // A client that does not read the answer must not hold the connection open.
  socket.setTimeout(1_000, () => socket.destroy());
}
