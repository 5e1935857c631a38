import type { FastifyInstance } from 'fastify';

/**
 * Once the server begins to close, makes every answer the last one on its connection, and says so in it (RFC 9112 §9.6).
 * Node.js closes only the connections that are idle at that moment and waits for all others, which clients keep open for
 * their next request.
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
