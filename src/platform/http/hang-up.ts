import type { FastifyRequest } from 'fastify';

type Connection = FastifyRequest['socket'];

/** The caller's connection ended before its answer: nothing was refused, and nobody is left to be told anything. */
export class HungUp extends Error {
  constructor() {
    super('The caller hung up');
    this.name = 'HungUp';
  }
}

const signals = new WeakMap<Connection, AbortSignal>();

/**
 * A signal that aborts with `HungUp` when the connection ends: made at the first call, and shared by all requests on the
 * connection. A client that ends its half after the request counts as gone: without `httpAllowHalfOpen` Node ends the other
 * half at once; with it, a client that closed would look like one that waits.
 */
export function hungUpSignal(connection: Connection): AbortSignal {
  const present = signals.get(connection);
  if (present !== undefined) return present;
  const controller = new AbortController();
  const hangUp = () => controller.abort(new HungUp());
  if (connection.destroyed) hangUp();
  else connection.once('close', hangUp);
  signals.set(connection, controller.signal);
  return controller.signal;
}
