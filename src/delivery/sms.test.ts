import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { movableClock, testDeps } from '../../test/support/deps.ts';
import { freePort } from '../../test/support/free-port.ts';
import { smsProvider } from '../../test/support/sms.ts';
import { addSeconds } from '../platform/clock.ts';
import { enqueueMail, enqueueSms } from './enqueue.ts';
import { listOutbox } from './outbox.ts';
import { openSms } from './sms.ts';
import { startDelivery } from './worker.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function provider(status = 200, headers = {}) {
  const { url, requests: received, close } = await smsProvider(status, headers);
  closing.push(close);
  return { url, received };
}

const none = { webhook: null, twilio: null, countries: null };
const outgoing = { id: '0193-id', to: '+254712345678', createdAt: new Date(0) };

test('the webhook gets {to, body} under an HMAC of exactly these bytes', async () => {
  const { url, received } = await provider(204);
  const sms = openSms({ ...none, webhook: { url: `${url}/sms`, secret: 'sixteen bytes or more' } });
  await sms?.send(outgoing, 'Your code is 042042 ✓');
  const [request] = received;
  expect(JSON.parse(request?.body ?? '')).toEqual({ to: '+254712345678', body: 'Your code is 042042 ✓' });
  expect(request).toMatchObject({
    url: '/sms',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': '0193-id',
      'x-signature': `sha256=${createHmac('sha256', 'sixteen bytes or more')
        .update(request?.body ?? '')
        .digest('hex')}`,
    },
  });
});

test('Twilio gets its own form, by a number or by a messaging service', async () => {
  const { url, received } = await provider(201);
  const twilio = { accountSid: 'AC1', authToken: 'secret', from: '+15005550006' };
  await openSms({ ...none, twilio }, url)?.send(outgoing, 'Hello');
  await openSms({ ...none, twilio: { ...twilio, from: 'MG42' } }, url)?.send(outgoing, 'Hello');
  expect(received[0]).toMatchObject({
    url: '/2010-04-01/Accounts/AC1/Messages.json',
    headers: { authorization: `Basic ${Buffer.from('AC1:secret').toString('base64')}` },
    body: 'To=%2B254712345678&From=%2B15005550006&Body=Hello',
  });
  expect(received[1]?.body).toBe('To=%2B254712345678&MessagingServiceSid=MG42&Body=Hello');
});

test.each([
  [400, 'permanent'],
  [429, 'temporary'],
  [401, 'outage'],
  [302, 'outage'],
  [503, 'outage'],
])('an answer of %i is %s', async (status, kind) => {
  const { url } = await provider(status);
  const sms = openSms({ ...none, webhook: { url, secret: 'sixteen bytes or more' } });
  const message = `The SMS provider answered ${status}.`;
  await expect(sms?.send(outgoing, 'Hello')).rejects.toMatchObject({ kind, message });
});

test('a provider that is gone is an outage, and without one SMS is off', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const sms = openSms({ ...none, webhook: { url, secret: 'sixteen bytes or more' } });
  const message = `The SMS provider cannot be reached: connect ECONNREFUSED 127.0.0.1:${port}`;
  await expect(sms?.send(outgoing, 'Hello')).rejects.toMatchObject({ kind: 'outage', message });
  expect(openSms(none)).toBeNull();
});

const queueCode = (deps: Awaited<ReturnType<typeof testDeps>>, to = '+254712345678') =>
  deps.db.transaction(tx =>
    enqueueSms(deps, tx, {
      template: 'sms-login',
      to,
      secrets: { code: '042042' },
      expiresAt: new Date(deps.clock.now().getTime() + 300_000),
    }),
  );

test('a queued code leaves through the webhook, and is erased', async () => {
  const { url, received } = await provider();
  const deps = await testDeps({ sms: { webhook: { url, secret: 'sixteen bytes or more' } } });
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(deps.close, delivery.stop);
  await queueCode(deps);
  await expect.poll(async () => (await listOutbox(deps))[0]?.state).toBe('sent');
  expect(JSON.parse(received[0]?.body ?? '')).toEqual({
    to: '+254712345678',
    body: '042042 is your Entrecore sign-in code. It is valid for 5 minutes. Never give it to anybody.',
  });
});

test('mails that a silent server holds up keep no code waiting', async () => {
  const { url, received } = await provider();
  const sockets: Socket[] = [];
  const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const deps = await testDeps({
    mail: { smtpUrl: `smtp://127.0.0.1:${port}` },
    sms: { webhook: { url, secret: 'sixteen bytes or more' } },
  });
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(deps.close, delivery.stop, () => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  for (let count = 0; count < 6; count++)
    await deps.db.transaction(tx =>
      enqueueMail(deps, tx, { template: 'account-closed', to: 'ada@example.com' }),
    );
  await expect.poll(() => sockets.length, { timeout: 5_000 }).toBe(4);
  await queueCode(deps);
  await expect.poll(() => received.length, { timeout: 5_000 }).toBe(1);
});

test.each<[number, (now: Date) => string, number, number]>([
  [429, () => '300', 300, 300],
  [429, now => addSeconds(now, 1200).toUTCString(), 1199, 1201],
  [503, () => '300', 300, 300],
  [503, now => addSeconds(now, 1200).toUTCString(), 1199, 1201],
  [503, () => '31536000', 3600, 3600],
  // Nothing longer than we wait anyway.
  [429, () => '0', 11, 19],
  [503, now => addSeconds(now, -1200).toUTCString(), 11, 19],
  [503, () => 'soon', 11, 19],
  [500, () => '300', 11, 19],
])('after a %i the code waits for as long as the provider asks', async (status, retryAfter, least, most) => {
  const clock = movableClock();
  const { url } = await provider(status, { 'retry-after': retryAfter(clock.now()) });
  const deps = { ...(await testDeps({ sms: { webhook: { url, secret: 'sixteen bytes or more' } } })), clock };
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(deps.close, delivery.stop);
  await queueCode(deps);
  await expect.poll(async () => (await listOutbox(deps))[0]).toMatchObject({ state: 'waiting', attempts: 1 });
  const next = (await listOutbox(deps))[0]?.nextAttemptAt ?? clock.now();
  const wait = (next.getTime() - clock.now().getTime()) / 1000;
  expect(wait).toBeGreaterThanOrEqual(least);
  expect(wait).toBeLessThanOrEqual(most);
});

test('after a 503 no other code is tried either for as long as the provider asks', async () => {
  const { url, received } = await provider(503, { 'retry-after': '120' });
  const deps = await testDeps({ sms: { webhook: { url, secret: 'sixteen bytes or more' } } });
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(deps.close, delivery.stop);
  await queueCode(deps);
  await expect.poll(async () => (await listOutbox(deps))[0]?.lastError).toContain('503');
  await queueCode(deps, '+254712345679');
  deps.clock.advance(115);
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(received).toHaveLength(1);
  deps.clock.advance(5);
  await expect.poll(() => received.length).toBe(3);
});

test('nor is one tried sooner because a send that began before the 503 went well', async () => {
  const answers: ServerResponse[] = [];
  const server = createHttpServer((request, response) => {
    request.resume();
    answers.push(response);
    // The first answer comes after that of the second.
    if (answers.length === 2) response.writeHead(503, { 'retry-after': '120' });
    if (answers.length > 1) response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const deps = await testDeps({ sms: { webhook: { url, secret: 'sixteen bytes or more' } } });
  closing.push(deps.close);
  await queueCode(deps);
  await queueCode(deps, '+254712345679');
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(delivery.stop);
  const states = async () => (await listOutbox(deps)).map(({ state }) => state).sort();
  await expect.poll(states).toEqual(['sending', 'waiting']);
  answers[0]?.end();
  await expect.poll(states).toEqual(['sent', 'waiting']);
  await queueCode(deps, '+254712345670');
  deps.clock.advance(115);
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(answers).toHaveLength(2);
  deps.clock.advance(5);
  await expect.poll(states).toEqual(['sent', 'sent', 'sent']);
});

test('the end of an outage leaves a code alone for which the provider asked to wait', async () => {
  const [limited, broken, next] = ['+254712345671', '+254712345672', '+254712345673'];
  const tries: string[] = [];
  const triesOf = (number: string) => tries.filter(to => to === number).length;
  let down = false;
  const server = createHttpServer((request, response) => {
    void json(request).then(body => {
      const { to } = body as { to: string };
      tries.push(to);
      const early = to === limited && triesOf(to) === 1;
      response.writeHead(early ? 429 : down ? 503 : 200, early ? { 'retry-after': '280' } : {}).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const deps = await testDeps({ sms: { webhook: { url, secret: 'sixteen bytes or more' } } });
  const delivery = startDelivery(deps, { pollSeconds: 0.05 });
  closing.push(async () => server.close(), deps.close, delivery.stop);
  const states = async () => (await listOutbox(deps)).map(({ state, attempts }) => [state, attempts]);

  await queueCode(deps, limited);
  await expect.poll(states).toEqual([['waiting', 1]]);
  down = true;
  await queueCode(deps, broken);
  for (const [count, longest] of [20, 40, 80, 60].entries()) {
    await expect.poll(states).toEqual([
      ['waiting', count + 1],
      ['waiting', 1],
    ]);
    deps.clock.advance(longest);
  }
  down = false;
  await queueCode(deps, next);
  await expect
    .poll(async () => (await states()).slice(0, 2))
    .toEqual([
      ['sent', 1],
      ['sent', 5],
    ]);
  deps.clock.advance(79);
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(triesOf(limited)).toBe(1);
  deps.clock.advance(1);
  await expect.poll(async () => (await states())[2]).toEqual(['sent', 2]);
});
