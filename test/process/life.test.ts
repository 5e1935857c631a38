import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPidFile } from '../../src/platform/embedded/postmaster.ts';
import { freePort } from '../support/free-port.ts';
import { request, type ServiceProcess, startService } from '../support/service.ts';
import { type SmtpReceiver, smtpReceiver } from '../support/smtp.ts';

const PASSWORD = 'Analytical-engine-1843';
let folder: string;
let receiver: SmtpReceiver;
let service: ServiceProcess;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'entrecore-life-'));
  // As root, the user that runs the server must pass.
  chmodSync(folder, 0o711);
  receiver = await smtpReceiver();
  env = {
    PORT: String(await freePort()),
    DATA_DIR: join(folder, 'data'),
    SMTP_URL: `smtp://127.0.0.1:${receiver.port}`,
    BCRYPT_COST: '4',
    RATE_LIMIT: 'off',
  };
  service = await startService(env);
}, 120_000);
afterAll(async () => {
  await service.stop('SIGTERM');
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const call = (method: string, path: string, options?: Parameters<typeof request>[2]) =>
  request(method, `${service.url}${path}`, options);
let printed = '';
const killAndRestart = async () => {
  await service.stop('SIGKILL');
  printed += service.output();
  service = await startService(env);
};
const login = async (username: string, password = PASSWORD) =>
  (await call('POST', '/api/v1/token', { form: { username, password } })).body as unknown as Record<
    string,
    string
  >;
const linkIn = (raw: string) => /token=3D([\w-]{20,}(?:=\r?\n[\w-]*)*)|token=([\w-]{20,})/.exec(raw);
async function tokenOfMail(to: string, subject: RegExp): Promise<string> {
  // A kill in the middle of a send leaves the message claimed until its lease ends; then it is sent again.
  for (let tries = 0; tries < 1_500; tries++) {
    const mail = receiver.mails.findLast(each => each.to.includes(to) && subject.test(each.subject));
    const found = mail === undefined ? null : linkIn(mail.raw);
    if (found !== null) return (found[1] ?? found[2] ?? '').replaceAll(/=\r?\n/g, '');
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  throw new Error(`no mail to ${to} came with ${subject}`);
}

test('a stranger signs up, verifies, works, resets and leaves, and a kill -9 between any two steps costs nothing', async () => {
  const email = 'ada@example.com';
  const begun = await call('POST', '/signup', {
    body: { first_name: 'Ada', last_name: 'Lovelace', email, phone_number: '+254712345678' },
  });
  expect(begun.status).toBe(200);
  await killAndRestart();

  const account = await call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token: begun.body.signup_token },
  });
  expect(account.status, JSON.stringify(account.body)).toBe(200);
  await killAndRestart();

  const verification = await tokenOfMail(email, /./);
  expect((await call('POST', `/verify-email/${verification}`)).body).toEqual({
    message: 'Email verified successfully',
  });
  expect((await call('POST', `/verify-email/${verification}`)).status).toBe(404);

  const first = await login('ADA@example.com');
  await killAndRestart();
  const me = await call('GET', '/api/v1/users/me', { token: first.access_token as string });
  expect(me.body).toMatchObject({ email, email_verified: true, roles: ['user'] });

  const second = await call('POST', '/refresh-token', { body: { refresh_token: first.refresh_token } });
  await killAndRestart();
  const again = await call('POST', '/refresh-token', { body: { refresh_token: first.refresh_token } });
  // The restart may take longer than the grace; either way nobody holds two live tokens.
  expect([second.body.refresh_token, undefined]).toContain(again.body.refresh_token);

  const third = await login(email);
  expect((await call('POST', '/logout', { token: third.access_token as string })).status).toBe(200);
  await killAndRestart();
  expect((await call('GET', '/users/me', { token: third.access_token as string })).status).toBe(401);
  expect(
    (await call('POST', '/refresh-token', { body: { refresh_token: third.refresh_token } })).status,
  ).toBe(401);

  const before = await login(email);
  expect((await call('POST', '/password-reset/request', { body: { email } })).status).toBe(200);
  const reset = await tokenOfMail(email, /reset/i);
  await killAndRestart();
  const changed = await call('POST', '/password-reset/confirm', {
    body: {
      token: reset,
      new_password: 'Difference-engine-1822',
      confirm_new_password: 'Difference-engine-1822',
    },
  });
  expect(changed.body).toEqual({ message: 'Password updated successfully' });
  expect((await call('GET', '/users/me', { token: before.access_token as string })).status).toBe(401);
  expect((await login(email)).code).toBe('invalid_credentials');
  expect(await login(email, 'Difference-engine-1822')).toHaveProperty('access_token');
}, 300_000);

test('a guess that was answered stays counted when the database dies with the service, before it wrote to the disk by itself', async () => {
  const email = 'ada@example.com';
  for (let guess = 1; guess <= 5; guess++) {
    expect((await login(email, `Wrong-engine-${guess}`)).code).toBe('invalid_credentials');
  }
  process.kill(readPidFile(join(env.DATA_DIR as string, 'pg', 'cluster'))?.pid as number, 'SIGKILL');
  await killAndRestart();
  expect((await login(email, 'Difference-engine-1822')).code).toBe('too_many_attempts');
}, 60_000);

test('no password, token or code is in the log', () => {
  const text = printed + service.output();
  expect(text).toContain('"msg":"request"');
  for (const mail of receiver.mails) {
    const found = linkIn(mail.raw);
    if (found !== null) expect(text).not.toContain((found[1] ?? found[2] ?? '-').slice(0, 16));
  }
  expect(text).not.toContain('Analytical-engine');
  expect(text).not.toContain('Difference-engine');
});

test('the command line works beside the running service, on the same data', () => {
  const listed = execFileSync(process.execPath, ['src/cli.ts', 'outbox', 'list'], {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    encoding: 'utf8',
  });
  expect(listed).toMatch(/0 dead/);
}, 60_000);

// More would take each other's caches; with bcrypt, as up to here, what else uses the pool has two of its own.
test.runIf(process.platform === 'linux')(
  'with Argon2 the thread pool has as many threads as cores',
  async () => {
    const poolThreads = () => {
      const threads = `/proc/${service.child.pid}/task`;
      const names = readdirSync(threads).map(thread =>
        readFileSync(`${threads}/${thread}/comm`, 'utf8').trim(),
      );
      return names.filter(name => name === 'libuv-worker').length;
    };
    expect(poolThreads()).toBe(availableParallelism() + 2);
    await service.stop('SIGTERM');
    service = await startService({ ...env, PASSWORD_HASH: 'argon2id' });
    await login('ada');
    expect(poolThreads()).toBe(availableParallelism());
  },
  60_000,
);

test('SIGTERM ends it with 0, stops the embedded server, and leaves no process', async () => {
  expect(await service.stop('SIGTERM')).toBe(0);
  const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter(line => line.includes(folder));
  expect(left).toEqual([]);
  service = await startService(env);
  expect((await call('GET', '/health')).body).toEqual({ status: 'healthy' });
}, 60_000);
