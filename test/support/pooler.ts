import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Pooler {
  /** The same database, by way of this pooler. */
  readonly url: string;
  close(): void;
}

/** A program before a PostgreSQL server, on loopback: `serve` gets each client, and what connects to the server. */
export async function openPooler(
  url: string,
  serve: (near: Socket, reach: () => Socket) => void,
): Promise<Pooler> {
  const through = new URL(url);
  const host = through.searchParams.get('host') ?? through.hostname;
  const port = Number(through.port === '' ? 5432 : through.port);
  const target = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket.on('error', () => {}));
    return socket;
  };
  const server = createServer(near => serve(keep(near), () => keep(connect(target))));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  through.searchParams.delete('host');
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
