import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type RealProvider, realProvider } from '../../test/support/oidc-provider.ts';
import {
  answerIn,
  begin,
  CLIENT,
  comeBack,
  readRedirect,
  signInAs,
  told,
} from '../../test/support/sign-in-flow.ts';

let provider: RealProvider;
let service: TestApp;
beforeAll(async () => {
  provider = await realProvider('http://localhost:8000/oauth/acme/callback');
  service = await testApp({
    oidcProviders: [provider.entry, { ...provider.entry, id: 'other', name: 'Other' }],
    redirectUris: [CLIENT, 'com.example.app:/signed-in'],
  });
});
// The provider's clock is the machine's.
beforeEach(() => service.deps.clock.set(new Date()));
afterAll(async () => {
  await service.close();
  await provider.stop();
});

const exchange = (code: string | undefined, code_verifier: string) =>
  service.call('POST', '/oauth/exchange', { body: { code, code_verifier } });

const signIn = (login: string) => signInAs(service, provider, login);

test('the providers are listed with their names; none without configuration', async () => {
  expect((await service.call('GET', '/oauth/providers')).json()).toEqual([
    { id: 'acme', name: 'Acme' },
    { id: 'other', name: 'Other' },
  ]);
});

test('a sign-in at a certified provider makes an account and tokens; the next one logs in to it', async () => {
  const { begun, answer, client } = await signIn('ada');
  expect(begun.location.searchParams.get('code_challenge_method')).toBe('S256');
  expect(answer.headers['set-cookie']).toContain('Max-Age=0');
  expect(answer.headers.location?.startsWith(`${CLIENT}&`)).toBe(true);
  expect(client).toEqual({
    from: 'here',
    state: 'of the client',
    code: expect.stringMatching(/^[\w-]{43}$/),
  });
  const tokens = await exchange(client.code, begun.verifier);
  expect(tokens.statusCode, tokens.body).toBe(200);
  const me = await service.call('GET', '/users/me', { token: tokens.json().access_token });
  expect(me.json()).toMatchObject({ email: 'ada@example.com', email_verified: true, first_name: 'ada' });
  expect(service.deps.keys.verify(tokens.json().access_token)).toHaveProperty('amr', ['fed']);

  const again = await signIn('ada');
  const second = (await exchange(again.client.code, again.begun.verifier)).json();
  const same = await service.call('GET', '/users/me', { token: second.access_token });
  expect(same.json().id).toBe(me.json().id);
});

test('the cookie is bound to the browser, unreadable for scripts, and of this sign-in alone', async () => {
  const query = `redirect_uri=${encodeURIComponent(CLIENT)}&code_challenge=${'a'.repeat(43)}`;
  const answer = await service.call('GET', `/oauth/acme/authorize?${query}`);
  expect(answer.headers['set-cookie']).toMatch(
    /^entrecore_oauth_[\w-]{12}=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
  );
  expect(answer.headers['cache-control']).toBe('no-store');
  const other = await service.call('GET', `/oauth/acme/authorize?${query}`);
  const name = (header: unknown) => String(header).split('=')[0];
  expect(name(answer.headers['set-cookie'])).not.toBe(name(other.headers['set-cookie']));
});

test('a code works once, and a wrong verifier burns it', async () => {
  const first = await signIn('ada');
  expect((await exchange(first.client.code, 'x'.repeat(43))).json()).toMatchObject({
    code: 'invalid_authorization_code',
    error: 'invalid_grant',
  });
  expect((await exchange(first.client.code, first.begun.verifier)).statusCode).toBe(400);

  const second = await signIn('ada');
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => exchange(second.client.code, second.begun.verifier)),
  );
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
  expect(answers.filter(({ statusCode }) => statusCode === 400)).toHaveLength(4);
});

test('a code lives for a minute', async () => {
  const { begun, client } = await signIn('ada');
  service.deps.clock.advance(61);
  expect((await exchange(client.code, begun.verifier)).json().code).toBe('invalid_authorization_code');
});

test('an answer is taken in the browser that began, once, and by the provider that was asked', async () => {
  const begun = await begin(service, 'acme');
  const stranger = await begin(service, 'acme');
  const back = await provider.signIn(begun.location.href, 'ada');
  const answer = answerIn(back);
  // RFC 9700 §4.7: somebody else's answer, planted into this browser.
  const planted = await comeBack(service, 'acme', answer, stranger.cookie);
  expect(planted.statusCode).toBe(400);
  expect(planted.json().code).toBe('invalid_sign_in');
  expect((await comeBack(service, 'acme', answer, begun.cookie)).json().code).toBe('invalid_sign_in');

  const named = await begin(service, 'acme');
  const came = await provider.signIn(named.location.href, 'ada');
  const guessed = named.cookie.replace(/=.*/, `=${'A'.repeat(43)}`);
  expect((await comeBack(service, 'acme', answerIn(came), guessed)).statusCode).toBe(400);

  const mixed = await begin(service, 'acme');
  const there = await provider.signIn(mixed.location.href, 'ada');
  const other = await comeBack(service, 'other', answerIn(there), mixed.cookie);
  expect(other.json().code).toBe('invalid_sign_in');

  for (const state of ['', 'x', 'A'.repeat(43)]) {
    expect((await comeBack(service, 'acme', { state, code: 'x' }, begun.cookie)).statusCode).toBe(400);
  }
});

test('two tabs sign in beside each other', async () => {
  const one = await begin(service, 'acme');
  const two = await begin(service, 'acme');
  const jar = `${one.cookie}; ${two.cookie}`;
  for (const tab of [two, one]) {
    const back = await provider.signIn(tab.location.href, 'ada');
    const client = told(await comeBack(service, 'acme', answerIn(back), jar));
    expect((await exchange(client.code, tab.verifier)).statusCode).toBe(200);
  }
});

test('a sign-in that takes longer than ten minutes is begun again', async () => {
  const begun = await begin(service, 'acme');
  const back = await provider.signIn(begun.location.href, 'ada');
  service.deps.clock.advance(601);
  const answer = await comeBack(service, 'acme', answerIn(back), begun.cookie);
  expect(answer.json().code).toBe('invalid_sign_in');
});

test('a person who cancels comes back to the client with access_denied, which warns no operator', async () => {
  const { log } = service.deps;
  const [said, warned] = [vi.spyOn(log, 'info'), vi.spyOn(log, 'warn')];
  const begun = await begin(service, 'acme');
  const back = await provider.signIn(begun.location.href, null);
  const answer = await comeBack(service, 'acme', answerIn(back), begun.cookie);
  expect(told(answer)).toMatchObject({ error: 'access_denied', state: 'of the client' });
  const line = { provider: 'acme', outcome: 'access_denied' };
  expect(said).toHaveBeenCalledWith(expect.objectContaining(line), 'a sign-in failed');
  expect(warned).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

test('a word of the provider that every object knows is described like any other', async () => {
  const begun = await begin(service, 'acme');
  const back = await provider.signIn(begun.location.href, null);
  const answer = { ...answerIn(back), error: 'constructor' };
  expect(told(await comeBack(service, 'acme', answer, begun.cookie))).toMatchObject({
    error: 'constructor',
    error_description: 'The identity provider gave no usable answer.',
  });
});

test.each([
  [{ redirect_uri: 'http://localhost:8000/signed-in' }, 400, 'redirect_not_allowed'],
  [{ redirect_uri: `${CLIENT}/` }, 400, 'redirect_not_allowed'],
  [{ redirect_uri: 'https://evil.example' }, 400, 'redirect_not_allowed'],
  [{ code_challenge: '' }, 422, 'validation_failed'],
  [{ code_challenge: 'a'.repeat(44) }, 422, 'validation_failed'],
  [{ code_challenge_method: 'plain' }, 422, 'validation_failed'],
  [{ link_ticket: 'A'.repeat(43) }, 400, 'invalid_link'],
])('authorize refuses %o', async (wrong, status, code) => {
  const query = new URLSearchParams({ redirect_uri: CLIENT, code_challenge: 'a'.repeat(43), ...wrong });
  const answer = await service.call('GET', `/oauth/acme/authorize?${query.toString()}`);
  expect(answer.statusCode).toBe(status);
  expect(answer.json().code).toBe(code);
});

test('an unknown provider is not found, and a mobile program comes back by its own scheme', async () => {
  const query = (uri: string) =>
    new URLSearchParams({ redirect_uri: uri, code_challenge: 'a'.repeat(43) }).toString();
  expect((await service.call('GET', `/oauth/nobody/authorize?${query(CLIENT)}`)).json().code).toBe(
    'provider_not_found',
  );
  const begun = readRedirect(
    await service.call('GET', `/oauth/acme/authorize?${query('com.example.app:/signed-in')}`),
  );
  const back = await provider.signIn(begun.location.href, 'ada');
  const answer = await comeBack(service, 'acme', answerIn(back), begun.cookie);
  expect(answer.headers.location).toMatch(/^com\.example\.app:\/signed-in\?code=[\w-]{43}$/);
});

test('an address that the provider did not verify neither links nor makes an account', async () => {
  const { begun, client } = await signIn('unverified');
  expect((await exchange(client.code, begun.verifier)).json().code).toBe('identity_linking_refused');
});

test('the keys that the provider signs with may change between two sign-ins', async () => {
  expect((await signIn('ada')).client).toHaveProperty('code');
  service.deps.clock.advance(40);
  await provider.restart();
  expect((await signIn('ada')).client).toHaveProperty('code');
});
