import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Between the service and PostgreSQL: passes everything on, and counts what the service asks. */
export interface Wire {
  /** The database, by way of this. */
  readonly url: string;
  /**
   * Statements since the last call that were executed at least so often, each with its round trip: what runs less often
   * is the service's own workers.
   */
  take(atLeast: number): { statements: number; roundTrips: number };
  close(): void;
}

const BIND = 'B'.charCodeAt(0);
const EXECUTE = 'E'.charCodeAt(0);
const QUERY = 'Q'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);

export async function openWire(url: string): Promise<Wire> {
  const { hostname, port, searchParams } = new URL(url);
  const folder = searchParams.get('host');
  const number = port === '' ? 5432 : Number(port);
  const target =
    folder === null ? { host: hostname, port: number } : { path: `${folder}/.s.PGSQL.${number}` };
  const counts = new Map<string, { statements: number; roundTrips: number }>();
  const sockets = new Set<Socket>();
  const server = createServer(client => {
    const upstream = connect(target);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    let asked = { statements: 0, roundTrips: 0 };
    const count = counter((type, body) => {
      if (type === BIND || type === QUERY) {
        // A bind names a portal and a prepared statement, a query is its text.
        const name = body.toString('latin1').split('\0')[type === BIND ? 1 : 0] ?? '';
        asked = counts.get(name) ?? { statements: 0, roundTrips: 0 };
        counts.set(name, asked);
      }
      if (type === EXECUTE || type === QUERY) asked.statements++;
      if (type === SYNC || type === QUERY) asked.roundTrips++;
    });
    client.on('data', count);
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const at = new URL(url);
  at.hostname = '127.0.0.1';
  at.port = String((server.address() as AddressInfo).port);
  at.searchParams.delete('host');
  return {
    url: at.href,
    take(atLeast) {
      const often = [...counts.values()].filter(({ statements }) => statements >= atLeast);
      counts.clear();
      return {
        statements: often.reduce((sum, { statements }) => sum + statements, 0),
        roundTrips: often.reduce((sum, { roundTrips }) => sum + roundTrips, 0),
      };
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// Frontend messages: the start-up one has no type, every other is a type, a length that counts itself, and the rest.
function counter(note: (type: number, body: Buffer) => void): (chunk: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  let started = false;
  return chunk => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const head = started ? 1 : 0;
      if (pending.length < head + 4) return;
      const length = head + pending.readUInt32BE(head);
      if (pending.length < length) return;
      if (started) note(pending[0] as number, pending.subarray(5, length));
      started = true;
      pending = pending.subarray(length);
    }
  };
}
