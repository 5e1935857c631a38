import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type TestApp, testApp } from '../support/app.ts';

// A connection that is closed over what is still on its way is reset, and whoever still writes never reads the answer.

let service: TestApp;
let app: Awaited<ReturnType<typeof createApp>>;
let port: number;
beforeAll(async () => {
  service = await testApp();
  app = await createApp(service.deps, { patience: { headersMs: 1_000, requestMs: 2_000 } });
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port;
});
afterAll(async () => {
  await app.close();
  await service.close();
});

const head = (first: string, ...lines: string[]) =>
  `${[first, 'Host: x', 'Content-Type: application/json', ...lines].join('\r\n')}\r\n\r\n`;
const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const PIECE = 'a'.repeat(100_000);
const CLOSE = 'Connection: close';
const LENGTH = 'Content-Length: 200000';

function open(bytes: string) {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  let text = '';
  socket.on('data', chunk => (text += String(chunk)));
  return { socket, answers: () => statuses(text), closed: once(socket, 'close') };
}

test.each([
  ['a body that is too large', 413, head('POST /token HTTP/1.1', CLOSE, LENGTH), ''],
  ['one in HTTP/1.0', 413, head('POST /token HTTP/1.0', LENGTH), ''],
  [
    'one in chunks',
    413,
    `${head('POST /token HTTP/1.1', CLOSE, 'Transfer-Encoding: chunked')}30d40\r\n`,
    '\r\n0\r\n\r\n',
  ],
  ['a body of somebody who is not signed in', 401, head('PUT /users/me HTTP/1.1', CLOSE, LENGTH), ''],
  ['a form of a page that is too large', 413, head('POST /account/sign-in HTTP/1.1', CLOSE, LENGTH), ''],
])(
  'a connection whose last answer came before %s ends once all of it is read',
  async (_what, status, begin, end) => {
    const { socket, answers, closed } = open(begin + PIECE);
    await expect.poll(answers).toEqual([status]);
    await sleep(100);
    expect(socket.readyState).toBe('open');
    socket.write(PIECE + end);
    await closed;
    expect(answers()).toEqual([status]);
  },
);

test('who never ends such a body is cut off when a request has had its time', async () => {
  const { answers, closed } = open(head('POST /token HTTP/1.1', CLOSE, LENGTH) + PIECE);
  await closed.catch(() => {});
  expect(answers()).toEqual([413]);
});

test('what may be smuggled ends its connection at once', async () => {
  const bytes = head('POST /token HTTP/1.1', 'Host: y', CLOSE, LENGTH) + PIECE;
  const { answers, closed } = open(bytes);
  await closed.catch(() => {});
  expect(answers().every(status => status === 400)).toBe(true);
});
