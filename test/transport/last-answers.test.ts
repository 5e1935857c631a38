import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { openRaw, type RawConnection } from '../support/raw-request.ts';

let service: TestApp;
let port: number;

beforeEach(async () => {
  service = await testApp();
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = service.app.server.address() as AddressInfo);
});
afterEach(() => service.close());

// As a proxy keeps it: it was used, and waits for its next request.
async function keptOpen(): Promise<RawConnection> {
  const connection = openRaw(port);
  connection.send({ method: 'GET', path: '/livez' });
  await expect.poll(connection.statuses).toEqual([200]);
  return connection;
}

const wrongPassword = { path: '/token', form: { username: 'nobody', password: 'Correct-horse-7' } };

test('a request on its way over a connection that was kept open is answered during a stop, and is the last one there', async () => {
  const [early, late] = [await keptOpen(), await keptOpen()];
  const closed = service.app.close();
  early.send(wrongPassword);
  setTimeout(() => late.send(wrongPassword), 200);
  for (const connection of [early, late]) {
    expect(await connection.ended).toMatch(
      /HTTP\/1\.1 401 [^]*\nconnection: close\r\n[^]*"code":"invalid_credentials"/i,
    );
    expect(connection.statuses()).toEqual([200, 401]);
  }
  await closed;
});

test('a stop accepts no new connection, and does not wait for one that nothing comes over', async () => {
  const idle = await keptOpen();
  const asked = performance.now();
  const closed = service.app.close();
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(await openRaw(port).ended).toBe('');
  await closed;
  expect(performance.now() - asked).toBeLessThan(2_000);
  expect((await idle.ended).match(/HTTP/g)).toHaveLength(1);
});
