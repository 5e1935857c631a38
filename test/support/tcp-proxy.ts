import type { AddressInfo } from 'node:net';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Ends every connection and accepts no further one that lives. */
  cut(): void;
  /** Holds back what either side says, and says nothing. */
  freeze(): void;
  /** Lets what is asked through, and no answer: the server does it, and nobody hears of it. */
  mute(): void;
  /** Passes everything again; connections that were held go on. */
  restore(): void;
  close(): Promise<void>;
}

/** A TCP proxy on loopback whose line the test can cut, freeze and mute. */
export async function tcpProxy(target: NetConnectOpts): Promise<TcpProxy> {
  let state: 'open' | 'cut' | 'frozen' | 'mute' = 'open';
  const pairs = new Set<{ near: Socket; far: Socket }>();
  const apply = ({ near, far }: { near: Socket; far: Socket }) => {
    if (state === 'cut') {
      near.destroy();
      far.destroy();
    }
    if (state === 'frozen') near.pause();
    else near.resume();
    if (state === 'open') far.resume();
    else far.pause();
  };
  const server = createServer(near => {
    if (state === 'cut') return void near.destroy();
    const far = connect(target);
    const pair = { near, far };
    pairs.add(pair);
    near.on('data', chunk => far.write(chunk));
    far.on('data', chunk => near.write(chunk));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
    apply(pair);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const become = (next: typeof state) => () => {
    state = next;
    for (const pair of pairs) apply(pair);
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut: become('cut'),
    freeze: become('frozen'),
    mute: become('mute'),
    restore: become('open'),
    async close() {
      become('cut')();
      await new Promise(resolve => server.close(resolve));
    },
  };
}
