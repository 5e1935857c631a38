import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type TestApp, testApp } from '../support/app.ts';

// Bytes that no client library would send, to a listening service.

let service: TestApp;
let port: number;
let impatient: Awaited<ReturnType<typeof createApp>>;
let impatientPort: number;

beforeAll(async () => {
  service = await testApp();
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
  impatient = await createApp(service.deps, { patience: { headersMs: 200, requestMs: 400 } });
  await impatient.listen({ host: '127.0.0.1', port: 0 });
  impatientPort = (impatient.server.address() as AddressInfo).port;
});
afterAll(async () => {
  await impatient.close();
  await service.close();
});

/** Everything that is answered until the connection ends, or is idle for a while. */
function send(bytes: string, to = port): Promise<{ text: string; closed: boolean }> {
  return new Promise(resolve => {
    let text = '';
    const socket = connect(to, '127.0.0.1', () => socket.write(bytes));
    const done = (closed: boolean) => {
      socket.destroy();
      resolve({ text, closed });
    };
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('close', () => done(true)).on('error', () => done(true));
    socket.setTimeout(3_000, () => done(false));
  });
}

const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
const SMUGGLED = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
const head = (...lines: string[]) => `${['POST /token HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`;
const form = 'Content-Type: application/x-www-form-urlencoded';

describe('what two servers could read as two different requests is refused, and the connection ends (RFC 9112 §11.2)', () => {
  test.each([
    ['both lengths', head(form, 'Content-Length: 6', 'Transfer-Encoding: chunked') + '0\r\n\r\n'],
    [
      'both lengths, the other way round',
      head(form, 'Transfer-Encoding: chunked', 'Content-Length: 6') + '0\r\n\r\n',
    ],
    ['two lengths', head(form, 'Content-Length: 3', 'Content-Length: 5') + 'a=b'],
    ['two lengths in one header', head(form, 'Content-Length: 3, 5') + 'a=b'],
    ['a signed length', head(form, 'Content-Length: +3') + 'a=b'],
    ['a folded header', head(form, 'Transfer-Encoding:', ' chunked') + '0\r\n\r\n'],
    ['a space before the colon', head(form, 'Transfer-Encoding : chunked') + '0\r\n\r\n'],
    ['an unknown coding', head(form, 'Transfer-Encoding: xchunked') + '0\r\n\r\n'],
    ['a coding after chunked', head(form, 'Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
    ['a chunk size that is no number', head(form, 'Transfer-Encoding: chunked') + 'zz\r\na=b\r\n0\r\n\r\n'],
    [
      'a chunk that is longer than it says',
      head(form, 'Transfer-Encoding: chunked') + '1\r\na=b\r\n0\r\n\r\n',
    ],
    ['a line that ends in LF alone', 'POST /token HTTP/1.1\nHost: x\nContent-Length: 0\n\n'],
    ['a NUL in a header', head('X-A: a\0b', 'Content-Length: 0')],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
    ['no host in a version of which there is none', 'GET /health HTTP/2.0\r\n\r\n'],
    ['a coding that is not undone', head(form, 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n'],
    [
      'one in a line of its own',
      head(form, 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
    ],
    [
      'chunks in HTTP/1.0, which knows none (RFC 9112 §6.1)',
      head(form, 'Connection: keep-alive', 'Transfer-Encoding: chunked').replace('/1.1', '/1.0') +
        '3\r\na=b\r\n0\r\n\r\n',
    ],
  ])('%s', async (_what, bytes) => {
    const { text, closed } = await send(bytes + SMUGGLED);
    expect(statuses(text)).toEqual([400]);
    expect(closed).toBe(true);
  });

  test('the refusal has the form of every other error', async () => {
    const { text } = await send(head(form, 'Content-Length: 6', 'Transfer-Encoding: chunked') + '0\r\n\r\n');
    const [headers = '', body = ''] = text.split('\r\n\r\n');
    const id = /^X-Request-Id: (.+)$/im.exec(headers)?.[1]?.trim();
    expect(JSON.parse(body)).toEqual({
      detail: 'The request could not be read.',
      code: 'malformed_request',
      message: 'The request could not be read.',
      request_id: id,
    });
    expect(headers).toMatch(/^Connection: close$/im);
  });
});

test('two hosts are refused, and none, in the form of every other error (RFC 9112 §3.2); HTTP/1.0 knows none', async () => {
  for (const hosts of ['Host: x\r\nhost: y\r\n', '']) {
    const { text } = await send(`GET /health HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
    expect(statuses(text)).toEqual([400]);
    expect(text).toContain('"code":"malformed_request"');
  }
  expect(statuses((await send('GET /health HTTP/1.0\r\n\r\n')).text)).toEqual([200]);
});

test('a host that is none is refused (RFC 9112 §3.2)', async () => {
  const ask = async (host: string) =>
    statuses((await send(`GET /health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).text);
  for (const host of [
    'a b',
    'a/b',
    'a\\b',
    'ada@a',
    'a:b',
    'a:1:2',
    '[::1',
    '::1',
    '"a"',
    '<a>',
    'a?b',
    'a#b',
  ])
    expect([host, await ask(host)]).toEqual([host, [400]]);
  for (const host of [
    '',
    'a',
    'A_b.example.:80',
    'a:',
    '[::1]:8000',
    '[fe80::1%25eth0]',
    '127.0.0.1',
    'b%C3%BCcher',
  ])
    expect([host, await ask(host)]).toEqual([host, [200]]);
});

test('a request that names the whole URL is as one that names its path (RFC 9112 §3.2.2)', async () => {
  const { host } = new URL(service.deps.config.http.publicUrl);
  const ask = async (line: string) => {
    const { text } = await send(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return [text.split(' ')[1], /^allow: (.*)$/m.exec(text)?.[1]?.trim()];
  };
  for (const base of ['', `http://${host}`, `HTTPS://${host}`]) {
    expect(await ask(`GET ${base}/api/v1/health?x=1`)).toEqual(['200', undefined]);
    expect(await ask(`PATCH ${base}/users/me`)).toEqual(['405', 'DELETE, GET, HEAD, PUT']);
  }
  expect(await ask(`GET http://${host}`)).toEqual(await ask('GET /'));
  expect(await ask(`GET http://${host}?x=1`)).toEqual(await ask('GET /?x=1'));
});

test('two Authorization headers are refused: whoever checks one of them before us may have checked the other', async () => {
  const { text } = await send(
    'GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\nConnection: close\r\n\r\n',
  );
  expect(statuses(text)).toEqual([400]);
  expect(text).toContain('"code":"malformed_request"');
});

test('an expectation that nobody knows is passed over, and CONNECT is refused in the form of every other error', async () => {
  const expecting = await send(
    'GET /health HTTP/1.1\r\nHost: x\r\nExpect: the-worst\r\nConnection: close\r\n\r\n',
  );
  expect(statuses(expecting.text)).toEqual([200]);
  expect(expecting.text).toMatch(/^x-request-id: /im);
  const connecting = await send('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
  expect(statuses(connecting.text)).toEqual([400]);
  expect(connecting.text).toContain('"code":"malformed_request"');
  expect(connecting.closed).toBe(true);
});

test('a CONNECT whose client resets the connection before it is refused ends nobody but itself', async () => {
  const uncaught: unknown[] = [];
  const hear = (error: unknown) => void uncaught.push(error);
  process.on('uncaughtException', hear);
  try {
    for (let tries = 0; tries < 50; tries++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
      socket.resetAndDestroy();
    }
    expect(statuses((await send(SMUGGLED)).text)).toEqual([200]);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', hear);
  }
});

test('headers of more than 16 KiB are refused', async () => {
  expect(statuses((await send(head(`X-Long: ${'a'.repeat(17_000)}`))).text)).toEqual([431]);
});

test('a body of more than 64 KiB is refused by its length before it is read, and by its bytes where it has none', async () => {
  const json = 'Content-Type: application/json';
  const announced = await send(head(json, 'Content-Length: 65537'));
  expect(statuses(announced.text)).toEqual([413]);
  expect(announced.text).toContain('"code":"payload_too_large"');
  const chunk = `8000\r\n${'a'.repeat(0x8000)}\r\n`;
  const chunked = await send(`${head(json, 'Transfer-Encoding: chunked')}${chunk}${chunk}${chunk}0\r\n\r\n`);
  expect(statuses(chunked.text)).toEqual([413]);
});

const PIECE = 'a'.repeat(100_000);
test.each([
  ['says its length', 'Content-Length: 200000', PIECE, PIECE],
  ['says none', 'Transfer-Encoding: chunked', `186a0\r\n${PIECE}\r\n`, `186a0\r\n${PIECE}\r\n0\r\n\r\n`],
])(
  'who sends a body that is too large and %s can send it to its end, and the next request: a reset would take the answer away',
  async (_, length, begin, end) => {
    const socket = connect(port, '127.0.0.1');
    socket.write(head('Content-Type: application/json', length) + begin);
    const [refusal] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
    expect(statuses(String(refusal))).toEqual([413]);
    socket.write(end + SMUGGLED.replace('x\r\n', 'x\r\nConnection: close\r\n'));
    const [next] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
    expect(statuses(String(next))).toEqual([200]);
  },
);

test('a client that never ends its headers is cut off', async () => {
  const { text, closed } = await send('GET /health HTTP/1.1\r\nHost: x\r\nX-A: ', impatientPort);
  expect([statuses(text), closed]).toEqual([[408], true]);
});

test('a client that never ends its body is cut off', async () => {
  const { text, closed } = await send(
    `${head('Content-Type: application/json', 'Content-Length: 90')}{`,
    impatientPort,
  );
  expect([statuses(text), closed]).toEqual([[408], true]);
});

describe('what cannot be read is refused behind the answers to what was asked before (RFC 9112 §9.3.2)', () => {
  const login = () => {
    const body = `username=${service.deps.random.uuid()}&password=x`;
    return head(form, `Content-Length: ${body.length}`) + body;
  };
  const closing = 'GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

  test.each([
    ['a login that is still hashed', () => `${login()}nonsense\r\n\r\n`, [401, 400]],
    [
      'several, of which the last ones are ready before the first',
      () => `${login()}${SMUGGLED}${login()}${SMUGGLED}nonsense\r\n\r\n`,
      [401, 200, 401, 200, 400],
    ],
    ['a CONNECT', () => `${login()}CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n`, [401, 400]],
    [
      'a body that breaks off within a later request',
      () => `${login()}${head(form, 'Transfer-Encoding: chunked')}zz\r\n`,
      [401, 400],
    ],
    ['a last request, behind which there is none', () => `${closing}nonsense\r\n\r\n`, [200]],
  ])('%s', async (_what, bytes, expected) => {
    const { text, closed } = await send(bytes());
    expect([statuses(text), closed]).toEqual([expected, true]);
  });

  test('what is still being answered when more and more nonsense comes is answered to the end', async () => {
    const socket = connect(port, '127.0.0.1');
    // First, as the nonsense would go before it otherwise where connecting takes a moment.
    socket.write(login());
    let text = '';
    socket.on('data', chunk => (text += String(chunk))).on('error', () => {});
    const more = setInterval(() => socket.write('nonsense\r\n\r\n'), 1);
    await once(socket, 'close');
    clearInterval(more);
    expect(statuses(text)).toEqual([401, 400]);
  });
});

test.each([
  ['never comes', head('Content-Length: 9').replace('POST /token', 'PUT /users/me'), () => impatientPort],
  [
    'is none',
    `${head('Transfer-Encoding: chunked').replace('POST /token', 'PUT /users/me')}zz\r\n`,
    () => port,
  ],
])('a request that was answered gets no second answer when its body %s', async (_what, bytes, to) => {
  const { text, closed } = await send(bytes, to());
  expect([statuses(text), closed]).toEqual([[401], true]);
});

test('two requests on one connection are two answers, in their order', async () => {
  const { text } = await send(SMUGGLED + SMUGGLED.replace('x\r\n', 'x\r\nConnection: close\r\n'));
  expect(statuses(text)).toEqual([200, 200]);
});
