import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly cookies?: ReadonlyMap<string, string>;
  readonly body?: object;
  readonly form?: Readonly<Record<string, string>>;
}

/** A connection of its own, on which requests are written and answers gathered as they come. */
export interface RawConnection {
  readonly socket: Socket;
  send(...requests: readonly RawRequest[]): void;
  /** The statuses of all answers so far. */
  statuses(): number[];
  /** All that was answered, once the connection has ended. */
  readonly ended: Promise<string>;
}

/** Connects to a port of this machine; the client's half can be ended by itself. */
export function openRaw(port: number, host = '127.0.0.1'): RawConnection {
  const socket = connect({ port, host, allowHalfOpen: true });
  let text = '';
  socket.on('data', chunk => (text += String(chunk)));
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  return {
    socket,
    send: (...requests) => void socket.write(requests.map(bytesOf).join('')),
    statuses: () => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status)),
    ended: new Promise(resolve => socket.on('close', () => resolve(text))),
  };
}

function bytesOf({ method = 'POST', path, token, cookies, body, form }: RawRequest): string {
  const text = form === undefined ? JSON.stringify(body ?? {}) : new URLSearchParams(form).toString();
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: localhost:8000',
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    ...(cookies === undefined ? [] : [`cookie: ${[...cookies].map(pair => pair.join('=')).join('; ')}`]),
  ];
  if (method === 'GET') return `${lines.join('\r\n')}\r\n\r\n`;
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  lines.push(`content-type: ${type}`, `content-length: ${Buffer.byteLength(text)}`);
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}
