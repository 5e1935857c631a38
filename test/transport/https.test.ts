import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { type AddressInfo, connect as connectPlainly } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { readCertificate } from '../../src/platform/http/certificate.ts';
import { testApp } from '../support/app.ts';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { pem } from '../support/pem.ts';
import { type ServiceProcess, startService } from '../support/service.ts';

// A real process that serves HTTPS by itself.

let folder: string;
let database: TestDatabase;
let service: ServiceProcess;
let port: number;

/** As certbot and Kubernetes do it: another file takes the name. */
function put(name: 'localhost' | 'renewed', ...kinds: ('crt' | 'key')[]): void {
  for (const kind of kinds) {
    copyFileSync(pem(`${name}.${kind}`), join(folder, 'new'));
    renameSync(join(folder, 'new'), join(folder, `server.${kind}`));
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'entrecore-tls-'));
  put('localhost', 'crt', 'key');
  database = await testDatabase();
  service = await startService({
    DATABASE_URL: database.url,
    JWT_SECRET_KEY: 'a jwt secret of the transport tests, long',
    AUTH_ROOT_SECRET: 'a root secret of the transport tests, long',
    DATA_DIR: join(folder, 'data'),
    TLS_CERT_FILE: join(folder, 'server.crt'),
    TLS_KEY_FILE: join(folder, 'server.key'),
    RATE_LIMIT: 'off',
  });
  port = Number(new URL(service.url).port);
}, 60_000);
afterAll(async () => {
  await service.stop('SIGTERM');
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

function shakeHands(options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });
}

async function served(): Promise<string> {
  const socket = await shakeHands();
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

async function serves(name: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await served()) === name) return;
    await sleep(50);
  }
  throw new Error(`${name} was not served`);
}

function ask(
  agent: Agent,
): Promise<{ status: number | undefined; reused: boolean; hsts: string | undefined }> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({ host: '127.0.0.1', port, path: '/health', agent }, answer => {
      answer.resume();
      answer.on('end', () =>
        resolve({
          status: answer.statusCode,
          reused: sent.reusedSocket,
          hsts: answer.headers['strict-transport-security'],
        }),
      );
    });
    sent.on('error', reject).end();
  });
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async version => {
  const socket = await shakeHands({ minVersion: version, maxVersion: version });
  expect(socket.getProtocol()).toBe(version);
  socket.destroy();
});

test('TLS 1.1 is refused (RFC 8996), before and after a new certificate', async () => {
  // Without this level the client itself would not offer it.
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(shakeHands(old)).rejects.toThrow(/protocol version|unsupported protocol/);
  put('renewed', 'crt', 'key');
  await serves('renewed.localhost');
  await expect(shakeHands(old)).rejects.toThrow(/protocol version|unsupported protocol/);
  put('localhost', 'crt', 'key');
  await serves('localhost');
});

test('whoever does not shake hands in time is cut off', async () => {
  const world = await testApp();
  const tls = readCertificate({ certFile: pem('localhost.crt'), keyFile: pem('localhost.key') });
  const app = await createApp(world.deps, { tls, patience: { headersMs: 200, requestMs: 400 } });
  try {
    await app.listen({ host: '127.0.0.1', port: 0 });
    const silent = connectPlainly((app.server.address() as AddressInfo).port, '127.0.0.1');
    silent.on('error', () => {});
    const closed = once(silent, 'close').then(() => 'closed');
    expect(await Promise.race([closed, sleep(3_000).then(() => 'open')])).toBe('closed');
  } finally {
    await app.close();
    await world.close();
  }
});

test('certificates that follow each other are served to new handshakes, and the connection under requests goes on', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  expect(await ask(agent)).toMatchObject({ status: 200, reused: false });
  let going = true;
  const answers: { status: number | undefined; reused: boolean }[] = [];
  const asking = (async () => {
    while (going) answers.push(await ask(agent));
  })();
  // Three renewals: a watch on the first file would see one of them.
  for (const name of ['renewed', 'localhost', 'renewed'] as const) {
    put(name, 'crt', 'key');
    await serves(name === 'renewed' ? 'renewed.localhost' : name);
  }
  going = false;
  await asking;
  agent.destroy();
  expect(answers.length).toBeGreaterThan(20);
  expect(answers.filter(({ status, reused }) => status !== 200 || !reused)).toEqual([]);
  put('localhost', 'crt', 'key');
  await serves('localhost');
});

test('a certificate without its key is an error in the log, and not served', async () => {
  put('renewed', 'crt');
  await expect
    .poll(() => service.output(), { timeout: 5_000 })
    .toMatch(/"level":"error".*cannot be used, so the old one stays in use/);
  expect(await served()).toBe('localhost');
  put('renewed', 'key');
  await serves('renewed.localhost');
});

test('nor is one beside a key of another kind, which OpenSSL takes and has no certificate for any handshake then', async () => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const refusals = () => service.output().match(/cannot be used, so the old one stays in use/g)?.length ?? 0;
  const before = refusals();
  writeFileSync(join(folder, 'new'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  renameSync(join(folder, 'new'), join(folder, 'server.key'));
  await expect.poll(refusals, { timeout: 5_000 }).toBe(before + 1);
  expect(await served()).toBe('renewed.localhost');
  put('localhost', 'crt', 'key');
  await serves('localhost');
});

test('HTTPS is told to browsers for a year', async () => {
  const agent = new Agent({ rejectUnauthorized: false });
  expect((await ask(agent)).hsts).toBe('max-age=31536000; includeSubDomains');
});

test('the health check of the image speaks the scheme of the service', async () => {
  const probe = async (env: Record<string, string>) => {
    const environment = { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), ...env };
    const child = spawn(process.execPath, ['src/probe.ts'], { cwd: process.cwd(), env: environment });
    return (await once(child, 'exit'))[0] as number;
  };
  const tls = { TLS_CERT_FILE: join(folder, 'server.crt'), TLS_KEY_FILE: join(folder, 'server.key') };
  // In the middle of a renewal, too.
  put('localhost', 'crt');
  expect(await probe(tls)).toBe(0);
  put('localhost', 'key');
  expect(await probe({ ...tls, HOST: '0.0.0.0 ', PORT: `${port} ` })).toBe(0);
  expect(await probe({})).toBe(1);
  expect(await probe({ ...tls, PORT: '1' })).toBe(1);
  // The word by which the configuration says that there is no certificate.
  const plain = createServer((_request, answer) => answer.end()).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const { port: other } = plain.address() as AddressInfo;
  expect(await probe({ TLS_CERT_FILE: 'Off', PORT: ` ${other}` })).toBe(0);
  plain.close();
});
