import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { member } from '../support/people.ts';

// What was ended while a body was on its way is ended when it arrives.

let service: TestApp;
let port: number;
beforeAll(async () => {
  service = await testApp();
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = (service.app.server.address() as AddressInfo).port;
});
afterAll(() => service.close());

/** Sends the headers and half of the body; the answer comes once `finish` has sent the rest. */
async function hold(method: string, path: string, token: string, body: object) {
  const text = JSON.stringify(body);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: localhost',
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    `content-length: ${text.length}`,
    'connection: close',
  ];
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', chunk => (answer += String(chunk)));
  const ended = new Promise<void>(resolve => socket.on('close', () => resolve()));
  socket.write(`${lines.join('\r\n')}\r\n\r\n${text.slice(0, 5)}`);
  // The next request is answered after the headers of this one were read.
  await fetch(`http://127.0.0.1:${port}/livez`);
  return {
    async finish() {
      socket.write(text.slice(5));
      await ended;
      return { status: Number(answer.slice(9, 12)), body: JSON.parse(answer.slice(answer.indexOf('{'))) };
    },
  };
}

test('a session that ends meanwhile changes nothing of the account', async () => {
  const { who, token } = await member(service);
  const held = await hold('PUT', '/users/me', token, { email: 'thief@example.net' });
  expect((await service.call('POST', '/logout', { token })).statusCode).toBe(200);
  const answer = await held.finish();
  expect([answer.status, answer.body.code]).toEqual([401, 'token_revoked']);
  const again = await service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
  });
  const me = await service.call('GET', '/users/me', { token: again.json().access_token });
  expect(me.json().pending_email).toBeNull();
});

test('nor is it asked whether the request could be served', async () => {
  const { token } = await member(service);
  const held = await hold('POST', '/mfa/sms', token, { phone_number: '+254712345678' });
  expect((await service.call('POST', '/logout', { token })).statusCode).toBe(200);
  expect((await held.finish()).body.code).toBe('token_revoked');
});

test('an administrator who is disabled meanwhile grants nothing', async () => {
  const root = await member(service, { roles: ['admin'] });
  const fallen = await member(service, { roles: ['admin'] });
  const pawn = await member(service);
  const grant = await hold('PUT', `/users/${pawn.who.id}/roles`, fallen.token, { roles: ['admin'] });
  const enable = await hold('PATCH', `/users/${fallen.who.id}`, fallen.token, { disabled: false });
  const disabled = await service.call('PATCH', `/users/${fallen.who.id}`, {
    token: root.token,
    body: { disabled: true },
  });
  expect(disabled.statusCode).toBe(200);
  expect([(await grant.finish()).status, (await enable.finish()).status]).toEqual([401, 401]);
  const seen = await service.call('GET', `/users/${pawn.who.id}`, { token: root.token });
  expect(seen.json().roles).toEqual(['user']);
});

test('whoever sends no token is refused before the body is waited for', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.write(
    'PUT /users/me HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n',
  );
  const [answer] = await new Promise<[string]>(resolve =>
    socket.once('data', chunk => resolve([String(chunk)])),
  );
  socket.destroy();
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
});
