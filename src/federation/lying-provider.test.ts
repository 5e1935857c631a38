import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type Lies, type LyingProvider, lyingProvider } from '../../test/support/lying-provider.ts';
import { member } from '../../test/support/people.ts';
import { begin, CLIENT, challengeOf, comeBack, readRedirect, told } from '../../test/support/sign-in-flow.ts';
import { sql } from '../platform/sql.ts';

let provider: LyingProvider;
let service: TestApp;
beforeAll(async () => {
  provider = await lyingProvider();
  service = await testApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
});
beforeEach(() => {
  provider.lie({});
  service.deps.clock.set(new Date());
});
afterAll(async () => {
  await service.close();
  await provider.close();
});

/** Signs in once; the members of `answer` replace those that the provider sends the browser back with. */
async function attempt(lies: Lies = {}, answer: Record<string, string> = {}) {
  const begun = await begin(service, 'liar');
  provider.lie(lies);
  const right = { state: begun.state, iss: provider.issuer, code: provider.codeFor(begun.nonce) };
  const sent = Object.fromEntries(
    Object.entries({ ...right, ...answer }).filter(([, value]) => value !== ''),
  );
  return told(await comeBack(service, 'liar', sent, begun.cookie));
}

test('honestly, it signs in', async () => {
  const client = await attempt();
  expect(client.error).toBeUndefined();
  expect(client.code).toMatch(/^[\w-]{43}$/);
  const [last] = provider.received.slice(-1);
  expect(last?.form).toMatchObject({
    grant_type: 'authorization_code',
    redirect_uri: 'http://localhost:8000/oauth/liar/callback',
    code_verifier: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(last?.authorization).toMatch(/^Basic /);
});

test.each<[string, Lies]>([
  ['another nonce', { claims: { nonce: 'another' } }],
  ['no nonce', { claims: { nonce: null } }],
  ['another issuer', { claims: { iss: 'https://accounts.google.com' } }],
  ['another audience', { claims: { aud: 'client-2' } }],
  ['an ID token of another client too, without azp', { claims: { aud: ['client-1', 'client-2'] } }],
  ['no subject', { claims: { sub: null } }],
  ['a signature by a key that is not published', { forged: true }],
  ['a clock that is a quarter of an hour behind', { ahead: -900 }],
  ['a clock that is five minutes ahead', { ahead: 300 }],
  [
    'no ID token',
    { answers: { '/token': response => json(response, { access_token: 'x', token_type: 'Bearer' }) } },
  ],
  ['an unsigned ID token', { answers: { '/token': response => json(response, unsigned()) } }],
  ['a page in place of JSON', { answers: { '/token': response => response.end('<html>') } }],
])('%s is no sign-in', async (_name, lies) => {
  expect(await attempt(lies)).toEqual({
    from: 'here',
    error: 'server_error',
    error_description: 'The identity provider gave no usable answer.',
    state: 'of the client',
  });
});

test('an address that cannot be stored is none of a provider that is linked', async () => {
  const { token } = await member(service);
  const verifier = 'v'.repeat(43);
  const asked = { redirect_uri: CLIENT, code_challenge: challengeOf(verifier) };
  const ticket = await service.call('POST', '/users/me/identities/liar', { token, body: asked });
  const { pathname, search } = new URL(ticket.json().authorize_url);
  const begun = readRedirect(await service.call('GET', pathname + search));
  provider.lie({ claims: { email: 'x\0@example.com' } });
  const answer = { state: begun.state, iss: provider.issuer, code: provider.codeFor(begun.nonce) };
  const { code } = told(await comeBack(service, 'liar', answer, begun.cookie));

  const body = { code, code_verifier: verifier };
  const linked = await service.call('POST', '/users/me/identities', { token, body });

  expect(linked.statusCode, linked.body).toBe(201);
  expect(linked.json().email).toBeNull();
});

test.each<[string, Record<string, string>]>([
  ['another iss in the answer (RFC 9207)', { iss: 'https://accounts.google.com' }],
  ['no iss, where the metadata promises one', { iss: '' }],
  ['a code that it never gave', { code: 'made up' }],
  ['an ID token in the answer', { id_token: 'x.y.z' }],
])('%s is no sign-in', async (_name, answer) => {
  expect(await attempt({}, answer)).toMatchObject({ error: 'server_error' });
});

test('a clock that runs half a minute ahead is forgiven; what its tokens say of their end holds', async () => {
  expect(await attempt({ ahead: 25 })).toHaveProperty('code');
  expect(await attempt({ ahead: -280 })).toHaveProperty('code');
  expect(await attempt({ ahead: -320 })).toMatchObject({ error: 'server_error' });
});

test('over HTTPS a sign-in is bound by a cookie of this very host: one that a sibling planted finishes none', async () => {
  const secure = await testApp({
    http: { publicUrl: 'https://id.example.com' },
    oidcProviders: [provider.entry()],
    redirectUris: [CLIENT],
  });
  secure.deps.clock.set(new Date());
  const finish = async (cookieOf: (cookie: string) => string) => {
    const { state, nonce, cookie } = await begin(secure, 'liar');
    expect(cookie).toMatch(/^__Host-entrecore_oauth_[\w-]{12}=[\w-]{43}$/);
    const answer = { state, iss: provider.issuer, code: provider.codeFor(nonce) };
    return (await comeBack(secure, 'liar', answer, cookieOf(cookie))).statusCode;
  };
  expect(await finish(cookie => cookie)).toBe(302);
  expect(await finish(cookie => cookie.replace('__Host-', ''))).toBe(400);
  await secure.close();
});

test('a code of the provider that was redeemed already is refused', async () => {
  const first = await begin(service, 'liar');
  const code = provider.codeFor(first.nonce);
  const answer = (state: string) => ({ state, iss: provider.issuer, code });
  expect(told(await comeBack(service, 'liar', answer(first.state), first.cookie))).toHaveProperty('code');
  const second = await begin(service, 'liar');
  expect(told(await comeBack(service, 'liar', answer(second.state), second.cookie))).toMatchObject({
    error: 'server_error',
  });
});

test('a code of another sign-in does not fit: its nonce is of another browser', async () => {
  const victim = await begin(service, 'liar');
  const thief = await begin(service, 'liar');
  const code = provider.codeFor(victim.nonce);
  const answer = { state: thief.state, iss: provider.issuer, code };
  expect(told(await comeBack(service, 'liar', answer, thief.cookie))).toMatchObject({
    error: 'server_error',
  });
});

test('an error of the provider is passed on as a word, and as nothing else', async () => {
  expect(await attempt({}, { code: '', error: 'consent_required' })).toMatchObject({
    error: 'consent_required',
  });
  expect(await attempt({}, { code: '', error: '<script>' })).toMatchObject({ error: 'server_error' });
});

test.each<[string, Lies]>([
  ['an outage', { answers: { '/token': response => response.writeHead(503).end() } }],
  ['too many requests', { answers: { '/token': response => response.writeHead(429).end() } }],
  ['a cut connection', { answers: { '/token': response => response.socket?.destroy() } }],
  ['a megabyte', { answers: { '/token': response => response.end(Buffer.alloc(1 << 20, 0x20)) } }],
  // Whoever followed it would send the code and the secret on, and get another answer from there.
  [
    'a redirect elsewhere',
    { answers: { '/token': response => response.writeHead(307, { location: '/elsewhere' }).end() } },
  ],
  ['six seconds', { delay: 6_000 }],
])('%s is said to be temporary', async (_name, lies) => {
  expect(await attempt(lies)).toMatchObject({
    error: 'temporarily_unavailable',
    error_description: 'The identity provider cannot be reached. Try again shortly.',
  });
});

test('a new key is fetched when a token names it', async () => {
  await attempt();
  service.deps.clock.advance(31);
  await provider.rotate();
  expect(await attempt()).toHaveProperty('code');
});

test('metadata of another issuer, and an outage from the start, never reach the provider', async () => {
  const drop = { '/.well-known/openid-configuration': (response: ServerResponse) => response.destroy() };
  for (const [lies, error] of [
    [{ metadata: { issuer: 'https://accounts.google.com' } }, 'describes another issuer'],
    [{ answers: drop }, 'cannot be used: fetch failed: other side closed'],
  ] as const) {
    const other = await testApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
    const warned = vi.spyOn(other.deps.log, 'warn');
    provider.lie(lies);
    const begun = await begin(other, 'liar');
    expect(begun.location.href.startsWith(CLIENT)).toBe(true);
    expect(Object.fromEntries(begun.location.searchParams)).toMatchObject({
      error: 'temporarily_unavailable',
      state: 'of the client',
    });
    expect(warned).toHaveBeenCalledWith(
      { request_id: expect.any(String), provider: 'liar', error: `${provider.issuer} ${error}` },
      'a provider cannot be used',
    );
    await other.close();
  }
});

test('a provider that names two ways to authenticate, and takes one, is shown the secret in the other way too', async () => {
  const other = await testApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
  other.deps.clock.set(new Date());
  const signIn = async (lies: Lies, code?: string) => {
    const metadata = { token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'] };
    provider.lie({ metadata, ...lies });
    const begun = await begin(other, 'liar');
    const asked = provider.received.length;
    const right = { state: begun.state, iss: provider.issuer, code: code ?? provider.codeFor(begun.nonce) };
    const client = told(await comeBack(other, 'liar', right, begun.cookie));
    const shown = provider.received.slice(asked).map(({ form }) => (form.client_secret ? 'post' : 'basic'));
    return [client.error ?? 'signed in', ...shown];
  };
  expect(await signIn({})).toEqual(['signed in', 'post']);
  expect(await signIn({ basicOnly: true })).toEqual(['signed in', 'post', 'basic']);
  expect(await signIn({}, 'made up')).toEqual(['server_error', 'post']);
  await other.close();
});

test('what the ID token does not say of the address, the userinfo endpoint is asked (OpenID Connect Core §5.4)', async () => {
  const other = await testApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
  other.deps.clock.set(new Date());
  const metadata = { userinfo_endpoint: `${provider.issuer}/userinfo` };
  const signIn = async (claims: Record<string, unknown>, said: object) => {
    provider.lie({ metadata });
    const begun = await begin(other, 'liar');
    provider.lie({ claims, answers: { '/userinfo': response => json(response, said) } });
    const answer = { state: begun.state, iss: provider.issuer, code: provider.codeFor(begun.nonce) };
    const { code, error } = told(await comeBack(other, 'liar', answer, begun.cookie));
    if (code === undefined) return error;
    const body = { code, code_verifier: begun.verifier };
    const tokens = (await other.call('POST', '/oauth/exchange', { body })).json();
    if (tokens.access_token === undefined) return tokens.code;
    return (await other.call('GET', '/users/me', { token: tokens.access_token })).json().email;
  };
  const email = 'told@example.com';
  const silent = { email: null, email_verified: null, sub: '1' };
  expect(await signIn(silent, { sub: '1', email, email_verified: true })).toBe(email);
  // Okta's token names the address alone.
  const half = { email: 'half@example.com', email_verified: null, sub: '2' };
  expect(await signIn(half, { sub: '2', email: half.email, email_verified: true })).toBe(half.email);
  const unproven = { email: 'unproven@example.com', email_verified: null, sub: '3' };
  expect(await signIn(unproven, { sub: '3', email: unproven.email })).toBe('identity_linking_refused');
  expect(await signIn(unproven, { sub: '1', email, email_verified: true })).toBe('server_error');
  await other.close();
});

test('every refusal is in the trail, and nothing of the answer is', async () => {
  await attempt({ forged: true });
  const [event] = await service.deps.db.rows<{ type: string; reason: string; data: object }>(
    sql`select type, reason, data from audit_events where type = 'identity.refused' order by id desc limit 1`,
  );
  expect(event).toMatchObject({ reason: 'server_error', data: { provider: 'liar' } });
});

test.each(['gho_16C7e42F292c6912', '{"access_token":gho_16C7e42F292c6912}'])(
  'no token is logged where the answer that holds it cannot be read: %s',
  async body => {
    const warned = vi.spyOn(service.deps.log, 'warn');
    await attempt({
      answers: {
        '/token': response => response.setHeader('content-type', 'application/json').end(body),
      },
    });
    const lines = JSON.stringify(warned.mock.calls);
    warned.mockRestore();
    expect(lines).toContain('a sign-in failed');
    expect(lines).toContain('"request_id":"');
    expect(lines).not.toContain('gho_');
  },
);

test('the log names the error that the provider answered with, and a status that is none of OAuth', async () => {
  const warned = vi.spyOn(service.deps.log, 'warn');
  const logged = async (status: number, body: object) => {
    warned.mockClear();
    await attempt({
      answers: { '/token': response => json(Object.assign(response, { statusCode: status }), body) },
    });
    return JSON.stringify(warned.mock.calls);
  };
  expect(await logged(400, { error: 'invalid_client', error_description: 'code-1' })).toMatch(
    /server responded with an error in the response body: invalid_client"/,
  );
  expect(await logged(418, {})).toContain('unexpected HTTP response status code: 418"');
  warned.mockRestore();
});

const json = (response: ServerResponse, body: unknown) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));

function unsigned() {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: provider.issuer, aud: 'client-1', sub: '7001', iat: now, exp: now + 60 };
  return { access_token: 'x', token_type: 'Bearer', id_token: `${part({ alg: 'none' })}.${part(claims)}.` };
}
