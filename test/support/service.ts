import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** A service in a process of its own, as an operator starts it. */
export interface ServiceProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  /** Sends a signal and waits for the end; the exit code, or null when the signal ended it. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
}

const ROOT = join(import.meta.dirname, '../..');

/** Starts the service with these variables and nothing else of ours, and waits until it is ready. */
export async function startService(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const port = env.PORT ?? String(await freePort());
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: port, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const url = `http${env.TLS_CERT_FILE === undefined ? '' : 's'}://127.0.0.1:${port}`;
  const service: ServiceProcess = {
    url,
    child,
    output: () => printed,
    async stop(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
      return child.exitCode;
    },
  };
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`the service ended with ${child.exitCode}:\n${printed}`);
    const ready = await (url.startsWith('https:') ? answersTls(url) : answersPlainly(url));
    if (ready) return service;
    await sleep(100);
  }
  await service.stop('SIGKILL');
  throw new Error(`the service did not become ready:\n${printed}`);
}

const answersPlainly = (url: string) =>
  fetch(`${url}/readyz`).then(
    answer => answer.ok,
    () => false,
  );

// A test's certificate is its own authority.
const answersTls = (url: string) =>
  new Promise<boolean>(resolve => {
    get(`${url}/readyz`, { rejectUnauthorized: false, agent: false }, answer => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on('error', () => resolve(false));
  });

/** JSON over a real socket. */
export async function request(
  method: string,
  url: string,
  { token, body, form }: { token?: string; body?: unknown; form?: Record<string, string> } = {},
): Promise<{ status: number; body: Record<string, string>; headers: Headers }> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(form !== undefined && { body: new URLSearchParams(form) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text), headers: answer.headers };
}
