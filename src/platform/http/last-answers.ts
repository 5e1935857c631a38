import type { FastifyInstance } from 'fastify';

/**
 * Makes every answer the last one on its connection from when the server closes, and say so (RFC 9112 §9.6). Node.js closes the
 * connections that are idle then, and waits for all others, which clients keep open for their next request.
 */
export function answerLast(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close');
    done(null, payload);
  });
}
