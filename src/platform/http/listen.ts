import type { AddressInfo } from 'node:net';
import { StartError } from '../start-error.ts';
import type { App } from './app.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Listens, and returns the port. Throws a StartError that names HOST or PORT where that cannot be. */
export async function listen(app: App, address: Address): Promise<number> {
  try {
    await app.listen({ host: address.host, port: address.port });
  } catch (error) {
    const explained = explain(error as NodeJS.ErrnoException, address);
    throw explained === null ? error : new StartError(explained, { cause: error });
  }
  return (app.server.address() as AddressInfo).port;
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
