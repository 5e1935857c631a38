import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { request } from '../support/service.ts';

test('with PORT=0 the issuer and the links are those of the port that was taken', async () => {
  const database = await testDatabase();
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      DATABASE_URL: database.url,
      JWT_SECRET_KEY: 'a jwt secret of the free port, quite long',
      AUTH_ROOT_SECRET: 'a root secret of the free port, quite long',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, { timeout: 15_000 }).toContain('listens on');
    const port = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(said)?.[1];
    const { body } = await request('GET', `http://127.0.0.1:${port}/.well-known/oauth-authorization-server`);
    expect(body).toMatchObject({ issuer: `http://localhost:${port}` });
    expect(body.token_endpoint).toContain(`http://localhost:${port}/`);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await database.close();
  }
}, 60_000);
