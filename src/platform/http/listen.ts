import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type ServerOpts } from 'node:net';
import { StartError } from '../start-error.ts';
import type { App } from './app.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Listens on HOST; if that is `localhost`, on every address of that name that can be used. Throws a StartError that names
 * HOST or PORT if there is none.
 */
export async function listen(app: App, address: Address, find = addressesOf): Promise<void> {
  const { host, port } = address;
  const found = host === 'localhost' ? await find(host).catch(asStartError(address)) : [];
  // Many machines list ::1 for localhost, even first, but have no IPv6.
  const isThere = await Promise.all(found.map(one => findFreePort(one).then(Boolean, () => false)));
  const [first = host, ...others] = found.filter((_, index) => isThere[index]);
  // Fastify would make a separate server for each further address, which would get no renewed certificate, would handle
  // neither CONNECT nor expectations, and would not be waited for at a stop.
  const beside = others.map(other => ({ other, server: passOn(app) }));
  app.addHook('preClose', async () => {
    for (const { server } of beside) server.close();
  });
  app.addHook('onClose', async () => {
    await Promise.all(beside.map(({ server }) => closed(server)));
  });
  await app.listen({ host: first, port }).catch(asStartError(address));
  const { port: taken } = app.server.address() as AddressInfo;
  for (const { other, server } of beside)
    await once(server.listen(taken, other), 'listening').catch(() => undefined);
}

async function addressesOf(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

// Takes over the options that Node sets for the app's server: an HTTP connection may be half closed, one with TLS may not.
function passOn({ server }: App): Server {
  const { allowHalfOpen, noDelay } = server as unknown as ServerOpts;
  return createServer({ allowHalfOpen, noDelay }, socket => server.emit('connection', socket));
}

// A second close waits for the connections of the server; one that never listened has none.
function closed(server: Server): Promise<void> {
  return new Promise(done => server.close(() => done()));
}

/** A port that nobody listens on at this moment. */
export async function findFreePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening').catch(asStartError({ host, port: 0 }));
  const { port } = server.address() as AddressInfo;
  await new Promise(done => server.close(done));
  return port;
}

function asStartError(address: Address) {
  return (error: NodeJS.ErrnoException): never => {
    const explained = explain(error, address);
    throw explained === null ? error : new StartError(explained, { cause: error });
  };
}

function explain({ code, message }: NodeJS.ErrnoException, { host, port }: Address): string | null {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT: ${port} is in use on ${host} by another program. Stop that one, or set PORT to another (0 takes a free one).`;
    case 'EACCES':
      return `PORT: this user may not listen on ${port}. Set PORT to 1024 or above, or grant CAP_NET_BIND_SERVICE.`;
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return `HOST: ${host} is no address of this machine. Set HOST to one that it has, or to 0.0.0.0 for all of IPv4, :: for all.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST: ${host} is no name that can be resolved (${message}). Set HOST to an address of this machine.`;
    default:
      return null;
  }
}
