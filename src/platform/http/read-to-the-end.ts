import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';

/**
 * Keeps a connection that closes behind this answer (`Connection: close`, HTTP/1.0) open until the body is read and thrown
 * away, for as long as a request may take: if it closed while data is still on its way, it would be reset and the answer lost
 * (RFC 9112 §9.6).
 */
export function readToTheEnd(request: IncomingMessage, answer: ServerResponse): void {
  if (request.complete || answer.shouldKeepAlive || answer.hasHeader('connection')) return;
  const { socket } = request;
  answer.shouldKeepAlive = true;
  // Otherwise Node would say that the connection stays open.
  answer.removeHeader('connection');
  Promise.all([finished(request.resume()), finished(answer)]).then(
    () => socket.destroySoon(),
    () => socket.destroy(),
  );
}
