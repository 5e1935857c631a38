import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';

const provider = {
  id: 'acme',
  name: 'Acme',
  issuer: 'https://acme.example',
  client_id: 'entrecore',
  client_secret: 'a secret of the test client',
};
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
const STALE = '/oauth/acme/callback?code=c&state=s';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ http: { publicUrl: 'http://localhost:8000/auth' }, oidcProviders: [provider] });
});
afterAll(() => world.close());

test('whoever comes back from a provider too late, or a second time, is told so on a page', async () => {
  const answer = await world.call('GET', STALE, { headers: BROWSER });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8']);
  expect(answer.body).toContain('This sign-in took too long, was already completed');
  expect(answer.body).toContain('href="/auth/account"');
  expect(answer.headers['content-security-policy']).toContain("style-src 'self'");
  expect(answer.headers['cache-control']).toBe('no-store');
});

test.each([
  [`/oauth/acme/authorize?redirect_uri=https://elsewhere.example&code_challenge=${'a'.repeat(43)}`, 400],
  ['/oauth/nobody/authorize', 404],
])('so is whoever is sent to %s', async (url, status) => {
  const answer = await world.call('GET', url, { headers: BROWSER });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([status, 'text/html; charset=utf-8']);
});

test('the address of the service leads a browser to its pages', async () => {
  const answer = await world.call('GET', '/', { headers: BROWSER });
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/auth/account']);
});

test('to a client of the API, the address of the service is nothing', async () => {
  const answer = await world.call('GET', '/', { headers: { accept: 'application/json' } });
  expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
});

test.each([
  [STALE, { accept: '*/*' }],
  [STALE, {}],
  [STALE, { accept: 'application/json, text/plain' }],
  ['/oauth/acme/authorize?redirect_uri=https://elsewhere.example', BROWSER],
  ['/users/me', BROWSER],
  ['/nowhere', BROWSER],
])('%s with %j stays JSON', async (url, headers) => {
  const answer = await world.call('GET', url, { headers });
  expect(answer.json()).toHaveProperty('code');
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'; frame-ancestors");
});
