import type { Socket } from 'node:net';
import { problems } from '../problems.ts';
import type { Random } from '../random.ts';

const TEXTS: Readonly<Record<string, readonly [status: number, text: string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunk extensions are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
};

/**
 * Answers bytes that are no request that this service reads (RFC 9112 §6.3: both lengths, two lengths, a folded header, a
 * bad chunk), in the form of every other error, and closes the connection: what follows on it may be smuggled.
 */
export function refuseConnection(random: Random) {
  return (error: Error & { code?: string }, socket: Socket): void => {
    // Of a CONNECT, Node gives the connection away with nobody who listens: a reset would end the process.
    socket.on('error', () => socket.destroy());
    if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
      socket.destroy();
      return;
    }
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
    // Whoever does not read the answer holds nothing open.
    socket.setTimeout(1_000, () => socket.destroy());
  };
}
