import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../../test/support/app.ts';

const TOKEN = 'q7Hq2Lw9Zx4Cv6Bn+1Mk3/Jp8Tr5Ye0Wd=';

let open: TestApp;
let guarded: TestApp;
beforeAll(async () => {
  open = await testApp();
  guarded = await testApp({ http: { metricsToken: TOKEN } });
});
afterAll(() => Promise.all([open.close(), guarded.close()]));

type Options = Parameters<TestApp['call']>[2];
const read = ({ call }: TestApp, options: Options) => call('GET', '/metrics', options);

test.each([
  '127.0.0.1',
  '::1',
  '::ffff:127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.7',
  '::ffff:10.0.0.1',
  '169.254.1.1',
  'fd00::7',
  'fe80::1',
  'fe80::1%eth0',
])('the neighbour %s reads the metrics without a token', async ip => {
  for (const world of [open, guarded]) {
    const answer = await read(world, { ip });
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    expect(answer.body).toMatch(/^outbox_waiting 0$/m);
  }
});

const strangers: [string, Options][] = [
  ['a peer on the internet', { ip: '203.0.113.7' }],
  ['a peer next to a private network', { ip: '172.32.0.1' }],
  ['a peer on the internet, by IPv6', { ip: '2001:db8::7' }],
  ['a peer with a mapped address', { ip: '::ffff:203.0.113.7' }],
  ['X-Forwarded-For', { headers: { 'x-forwarded-for': '10.0.0.1' } }],
  ['X-Forwarded-Proto', { headers: { 'x-forwarded-proto': 'https' } }],
  ['Forwarded', { headers: { forwarded: 'for=127.0.0.1' } }],
  ['Via', { headers: { via: '1.1 proxy' } }],
  ['X-Real-IP', { ip: '10.0.0.1', headers: { 'x-real-ip': '10.0.0.2' } }],
];

test.each(strangers)('%s finds nothing without the token, and everything with it', async (_who, options) => {
  const missing = (await open.call('GET', '/nowhere', options)).json();
  for (const [world, authorization] of [
    [open, undefined],
    [open, `Bearer ${TOKEN}`],
    [open, 'Bearer null'],
    [guarded, undefined],
    [guarded, `Bearer ${TOKEN.toLowerCase()}`],
    [guarded, `Bearer ${TOKEN}=`],
    [guarded, `Basic ${TOKEN}`],
    [guarded, TOKEN],
  ] as const) {
    const headers = { ...options?.headers, ...(authorization !== undefined && { authorization }) };
    const answer = await read(world, { ...options, headers });
    expect(answer.statusCode, authorization).toBe(404);
    expect({ ...answer.json(), request_id: '' }).toEqual({ ...missing, request_id: '' });
  }
  for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]) {
    const answer = await read(guarded, { ...options, headers: { ...options?.headers, authorization } });
    expect([answer.statusCode, answer.body.includes('outbox_waiting')]).toEqual([200, true]);
  }
});

test('who a believed proxy names does not count, only who speaks', async () => {
  const behind = await testApp({ http: { trustProxy: ['10.0.0.0/8'] } });
  const answer = await read(behind, { ip: '10.0.0.1', headers: { 'x-forwarded-for': '10.0.0.9' } });
  expect(answer.statusCode).toBe(404);
  await behind.close();
});

test('a request whose path cannot be decoded is counted, too', async () => {
  const answers = [await open.call('GET', '/users/%ff'), await open.call('GET', '/api/v1/%zz')];
  for (const answer of answers) expect(answer.json().code).toBe('malformed_request');
  expect((await open.call('GET', '/%25ff')).statusCode).toBe(404);
  expect((await read(open, {})).body).toContain(
    'http_request_duration_seconds_count{method="GET",route="none",status="400"} 2',
  );
});
