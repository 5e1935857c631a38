import { afterEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { enqueueMail } from './enqueue.ts';

let service: TestApp | null = null;
afterEach(async () => {
  await service?.close();
  service = null;
});

async function withMail(overrides: Parameters<typeof testApp>[0] = {}): Promise<TestApp> {
  service = await testApp(overrides);
  const { deps } = service;
  await deps.db.transaction(tx =>
    enqueueMail(deps, tx, {
      template: 'reset-password',
      to: 'ada@example.com',
      params: { name: 'Ada' },
      secrets: { token: 'T0K<en' },
      expiresAt: new Date(deps.clock.now().getTime() + 3600_000),
    }),
  );
  return service;
}

test('the mailbox lists and shows the mails that wait, links and all, and runs no script', async () => {
  const { call } = await withMail();
  const list = await call('GET', '/dev/mailbox');
  expect(list.statusCode).toBe(200);
  expect(list.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  });
  expect(list.body).toContain('Password reset for your Entrecore account');
  const [, path] = /href="(\/dev\/mailbox\/[\da-f-]+)"/.exec(list.body) ?? [];
  const mail = await call('GET', path ?? '');
  expect(mail.statusCode).toBe(200);
  expect(mail.body).toContain('<a href="http://localhost:8000/account/reset-password?token=T0K%3Cen"');
  expect(mail.body).toContain(
    'sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="&lt;!doctype html&gt;',
  );
  expect(mail.body).not.toContain('<script');
  expect((await call('GET', '/dev/mailbox/01930000-0000-7000-8000-000000000000')).statusCode).toBe(404);
});

test('scripts read the same as JSON, for one address if they like', async () => {
  const { call, deps } = await withMail();
  const { items } = (await call('GET', '/dev/mailbox.json?to=ADA@example.com')).json();
  expect(items).toMatchObject([
    {
      to: 'ada@example.com',
      template: 'reset-password',
      subject: 'Password reset for your Entrecore account',
      links: ['http://localhost:8000/account/reset-password?token=T0K%3Cen'],
      created_at: deps.clock.now().toISOString(),
      expired: false,
    },
  ]);
  expect(items[0].text).toContain('Hello Ada,');
  expect((await call('GET', '/dev/mailbox?format=json&to=bob@example.com')).json()).toEqual({ items: [] });
  for (const url of ['/dev/mailbox?to=ada@example.com', `/dev/mailbox/${items[0].id}`]) {
    const answer = await call('GET', url, { headers: { accept: 'application/json' } });
    expect(answer.body, url).toContain(items[0].id);
    expect(answer.headers['content-type'], url).toMatch(/^application\/json/);
    const browsed = await call('GET', url, {
      headers: { accept: 'text/html,application/xml;q=0.9,*/*;q=0.8' },
    });
    expect(browsed.headers['content-type'], url).toMatch(/^text\/html/);
  }
  deps.clock.advance(3600);
  expect((await call('GET', `/dev/mailbox/${items[0].id}?format=json`)).json()).toMatchObject({
    expired: true,
  });
});

const elsewhere: [string, Parameters<TestApp['call']>[2]][] = [
  ['a peer elsewhere', { ip: '203.0.113.7' }],
  ['a peer on the private network', { ip: '192.168.1.7' }],
  ['another Host (DNS rebinding)', { headers: { host: 'evil.example' } }],
  ['a Host that only looks local', { headers: { host: '127.0.0.1.evil.example' } }],
  ['X-Forwarded-For', { headers: { 'x-forwarded-for': '127.0.0.1' } }],
  ['X-Forwarded-Proto', { headers: { 'x-forwarded-proto': 'https' } }],
  ['Forwarded', { headers: { forwarded: 'for=127.0.0.1' } }],
  ['Via', { headers: { via: '1.1 proxy' } }],
];

test('it is there for this machine alone', async () => {
  const { call } = await withMail();
  for (const path of ['/dev/mailbox', '/dev/mailbox.json', '/api/v1/dev/mailbox']) {
    expect((await call('GET', path)).statusCode).toBe(200);
    for (const [who, options] of elsewhere) {
      const answer = await call('GET', path, options);
      expect([who, answer.statusCode, answer.json().code]).toEqual([who, 404, 'not_found']);
    }
  }
  expect((await call('GET', '/dev/mailbox', { ip: '::1', headers: { host: '[::1]:8000' } })).statusCode).toBe(
    200,
  );
  expect((await call('GET', '/dev/mailbox', { ip: '::ffff:127.0.0.1' })).statusCode).toBe(200);
});

test.each([
  ['SMTP is set', { mail: { smtpUrl: 'smtp://127.0.0.1:1025' } }],
  ['the service listens to the network', { http: { host: '0.0.0.0' } }],
  ['PUBLIC_URL is elsewhere', { http: { publicUrl: 'https://auth.example.com' } }],
])('it is gone when %s', async (_when, overrides) => {
  const { call } = await withMail(overrides);
  for (const path of ['/dev/mailbox', '/dev/mailbox.json']) {
    expect((await call('GET', path)).statusCode).toBe(404);
  }
});

test('the metrics tell how much waits and for how long', async () => {
  const { call, deps } = await withMail();
  deps.clock.advance(90);
  const { body } = await call('GET', '/metrics');
  expect(body).toMatch(/^outbox_waiting 1$/m);
  expect(body).toMatch(/^outbox_dead 0$/m);
  expect(body).toMatch(/^outbox_oldest_seconds 90$/m);
});
