import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';

/**
 * Lets a connection that closes behind this answer (`Connection: close`, HTTP/1.0) end only once the body is read and thrown away,
 * for as long as a request may take: closed over what is still on its way, it is reset, and the answer is lost (RFC 9112 §9.6).
 */
export function readToTheEnd(request: IncomingMessage, answer: ServerResponse): void {
  if (request.complete || answer.shouldKeepAlive || answer.hasHeader('connection')) return;
  const { socket } = request;
  answer.shouldKeepAlive = true;
  // Node would say otherwise that it stays open.
  answer.removeHeader('connection');
  Promise.all([finished(request.resume()), finished(answer)]).then(
    () => socket.destroySoon(),
    () => socket.destroy(),
  );
}
