import { type AddressInfo, createServer, type Socket } from 'node:net';
import pg from 'pg';

/** What one client sent up to the end of a round trip, and where the answer goes. */
interface Asked {
  readonly near: Socket;
  readonly bytes: Buffer;
}

/**
 * A pooler with one connection to the server, like pgbouncer. In transaction mode it gives that connection to whichever client
 * begins a transaction, and leaves there what a session has set and locked; in session mode whoever had it first keeps it.
 */
export async function pooler(connectionString: string, mode: 'transaction' | 'session') {
  const client = new pg.Client({ connectionString });
  await client.connect();
  client.on('error', () => {});
  const far = (client as unknown as { connection: { stream: Socket } }).connection.stream;
  far.removeAllListeners('data');
  const waiting: Asked[] = [];
  let owner: Socket | null = null;
  let busy = false;
  let answer = Buffer.alloc(0);

  const next = () => {
    if (busy) return;
    const at = waiting.findIndex(({ near }) => owner === null || near === owner);
    const [asked] = at === -1 ? [] : waiting.splice(at, 1);
    if (asked === undefined) return;
    busy = true;
    owner = asked.near;
    far.write(asked.bytes);
  };
  far.on('data', (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    // ReadyForQuery ends every answer, and says whether a transaction goes on.
    if (answer.subarray(-6, -1).toString('latin1') !== 'Z\0\0\0\x05') return;
    owner?.write(answer);
    if (mode === 'transaction' && answer.at(-1) === 'I'.charCodeAt(0)) owner = null;
    answer = Buffer.alloc(0);
    busy = false;
    next();
  });

  const server = createServer(near => {
    let pending = Buffer.alloc(0);
    near.on('error', () => {});
    near.once('data', () => {
      near.write(WELCOME);
      near.on('data', (chunk: Buffer) => {
        pending = Buffer.concat([pending, chunk]);
        for (let end = endOfRoundTrip(pending); end > 0; end = endOfRoundTrip(pending)) {
          waiting.push({ near, bytes: pending.subarray(0, end) });
          pending = pending.subarray(end);
        }
        next();
      });
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://somebody@127.0.0.1:${port}/any`,
    async close() {
      far.destroy();
      await new Promise(resolve => server.close(resolve));
    },
  };
}

// AuthenticationOk, a BackendKeyData of the pooler's own, ReadyForQuery.
const WELCOME = Buffer.from('R\0\0\0\x08\0\0\0\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x01Z\0\0\0\x05I', 'latin1');

// After the last Query or Sync of which every byte is there. Terminate goes no further than the pooler.
function endOfRoundTrip(bytes: Buffer): number {
  for (let at = 0; at + 5 <= bytes.length; ) {
    const type = String.fromCharCode(bytes[at] as number);
    at += 1 + bytes.readInt32BE(at + 1);
    if (at <= bytes.length && (type === 'Q' || type === 'S')) return at;
  }
  return 0;
}
