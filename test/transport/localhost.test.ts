import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server as HttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer } from 'node:net';
import { connect as connectSafely } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { listen } from '../../src/platform/http/listen.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { type HeldHasher, heldHasher } from '../support/held-hasher.ts';
import { pem } from '../support/pem.ts';
import { openRaw } from '../support/raw-request.ts';

// Where `localhost` has two addresses, as on most machines, whatever this one says of it.

const both = async () => ['127.0.0.1', '::1'];
const pair = (name: string) => ({
  cert: readFileSync(pem(`${name}.crt`)),
  key: readFileSync(pem(`${name}.key`)),
});

const probe = createServer().listen(0, '::1');
const hasIpv6 = await once(probe, 'listening').then(
  () => true,
  () => false,
);
probe.close();

let world: TestApp;
let held: HeldHasher;
beforeAll(async () => {
  world = await testApp();
  held = heldHasher(world.deps.config.passwords);
});
afterAll(() => world.close());

async function served(options: Parameters<typeof createApp>[1] = {}) {
  const app = await createApp({ ...world.deps, hasher: held.hasher }, options);
  await listen(app, { host: 'localhost', port: 0 }, both);
  return { app, port: (app.server.address() as AddressInfo).port };
}

async function told(port: number, host: string, bytes: string): Promise<string> {
  const socket = connect(port, host, () => socket.write(bytes));
  let text = '';
  socket.on('data', chunk => (text += String(chunk))).on('error', () => {});
  await once(socket, 'close');
  return text;
}

test.skipIf(!hasIpv6)('each address answers as the other does', async () => {
  const { app, port } = await served();
  for (const host of await both()) {
    const expecting = 'GET /health HTTP/1.1\r\nHost: x\r\nExpect: the-worst\r\nConnection: close\r\n\r\n';
    expect(await told(port, host, expecting)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await told(port, host, 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  }
  await app.close();
});

test('an address that this machine does not have keeps the other from nothing; without any the start says so', async () => {
  const app = await createApp(world.deps);
  await listen(app, { host: 'localhost', port: 0 }, async () => ['192.0.2.1', '127.0.0.1']);
  const { port } = app.server.address() as AddressInfo;
  expect(
    await told(port, '127.0.0.1', 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
  ).toMatch(/^HTTP\/1\.1 200 /);
  const other = await createApp(world.deps);
  await expect(listen(other, { host: 'localhost', port }, async () => ['127.0.0.1'])).rejects.toThrow(
    `PORT: ${port} is in use`,
  );
  await Promise.all([app.close(), other.close()]);
});

test.skipIf(!hasIpv6)('a new certificate is served at each address', async () => {
  const { app, port } = await served({ tls: pair('localhost') });
  (app.server as unknown as HttpsServer).setSecureContext(pair('renewed'));
  for (const host of await both()) {
    const socket = connectSafely({ host, port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    expect([host, socket.getPeerCertificate().subject.CN]).toEqual([host, 'renewed.localhost']);
    socket.destroy();
  }
  await app.close();
});

test.skipIf(!hasIpv6)(
  'a stop waits for the answers of each address, ends what is idle, and takes nobody new',
  async () => {
    const { app, port } = await served();
    const idle = connect(port, '::1');
    await once(idle, 'connect');
    const asked = openRaw(port, '::1');
    let stopped = Promise.resolve();
    await held.whileBusy(async () => {
      asked.send({ path: '/token', form: { username: 'ada@example.com', password: 'wrong' } });
      await expect.poll(() => held.hasher.stats().waiting).toBe(1);
      let isStopped = false;
      stopped = app.close().then(() => {
        isStopped = true;
      });
      await once(idle, 'close');
      await expect(once(connect(port, '::1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      expect(isStopped).toBe(false);
    });
    await stopped;
    expect(await asked.ended).toMatch(/^HTTP\/1\.1 401 .*\r\nconnection: close\r\n/s);
  },
);
