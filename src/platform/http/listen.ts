import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { StartError } from '../start-error.ts';
import type { App } from './app.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Listens. Throws a StartError that names HOST or PORT where that cannot be. */
export async function listen(app: App, address: Address): Promise<void> {
  await app.listen({ host: address.host, port: address.port }).catch(asStartError(address));
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
