import type { FastifyInstance } from 'fastify';

// A proxy may have sent its next request already. Meanwhile no new connection is accepted, so it turns to another replica.
const LAST_REQUESTS_MS = 500;

/**
 * Once the server begins to close, makes every answer the last one on its connection, and says so in it (RFC 9112 §9.6).
 * Node.js waits for the connections that clients keep open for their next request, unless they are idle at that moment:
 * those it cuts, and a request that is on its way there fails, which proxies do not repeat for a POST. Here they are cut
 * only after they were idle for a little longer.
 */
export function answerLast(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
    const { server } = app;
    const cut = server.closeIdleConnections.bind(server);
    // What has come by then is read before what setImmediate calls.
    server.closeIdleConnections = () => void setTimeout(() => setImmediate(cut), LAST_REQUESTS_MS);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close');
    done(null, payload);
  });
}
