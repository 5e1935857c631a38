import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';

let service: TestApp;
let port: number;
beforeAll(async () => {
  service = await testApp();
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
});
afterAll(() => service.close());

const MIB = 1024 * 1024;

test.each(['/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/openapi.json'])(
  'whoever asks for %s again and again, and never reads, does not fill the memory',
  async path => {
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await fetch(`http://127.0.0.1:${port}${path}`).then(answer => answer.text());
    const before = process.memoryUsage().arrayBuffers;
    const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').pause());
    for (const socket of sockets) socket.write(request.repeat(25));
    await sleep(1_000);
    const grown = process.memoryUsage().arrayBuffers - before;
    for (const socket of sockets) socket.destroy();
    expect(grown).toBeLessThan(10 * MIB);
  },
);
