import type { ServerResponse } from 'node:http';
import { exportPKCS8, generateKeyPair, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type LyingProvider, lyingProvider } from '../../test/support/lying-provider.ts';
import { begin, CLIENT, comeBack, told } from '../../test/support/sign-in-flow.ts';

const HOME = 'aaaaaaaa-1111-4111-8111-111111111111';
const GUEST = '22222222-2222-4222-8222-222222222222';
const OID = '33333333-3333-4333-8333-333333333333';

let provider: LyingProvider;
let service: TestApp;
let applePublicKey: Awaited<ReturnType<typeof generateKeyPair>>['publicKey'];
beforeAll(async () => {
  provider = await lyingProvider();
  const apple = await generateKeyPair('ES256', { extractable: true });
  applePublicKey = apple.publicKey;
  service = await testApp({
    redirectUris: [CLIENT],
    oidcProviders: [
      provider.entry({ id: 'plain', allowed_domains: ['acme.example'], audiences: ['mobile-1'] }),
      provider.entry({ id: 'workspace', type: 'google', allowed_domains: ['acme.example'] }),
      provider.entry({ id: 'entra', type: 'microsoft', issuer: `${provider.issuer}/common/v2.0` }),
      provider.entry({
        id: 'entra-home',
        type: 'microsoft',
        issuer: `${provider.issuer}/${HOME}/v2.0`,
        allowed_tenants: [HOME],
      }),
      provider.entry({ id: 'tenants', allowed_tenants: [HOME.toUpperCase()] }),
      provider.entry({ id: 'github', type: 'github' }),
      provider.entry({ id: 'github-tenants', type: 'github', allowed_tenants: [HOME] }),
      provider.entry({ id: 'github-acme', type: 'github', allowed_domains: ['Acme.example'] }),
      provider.entry({
        id: 'apple',
        type: 'apple',
        client_secret: await exportPKCS8(apple.privateKey),
        team_id: 'TEAM',
        key_id: 'KEY',
      }),
    ],
  });
});
beforeEach(() => {
  provider.lie({});
  service.deps.clock.set(new Date());
});
afterAll(async () => {
  await service.close();
  await provider.close();
});

const signIn = (id: string, token: string, more: object = {}) =>
  service.call('POST', `/oauth/${id}/id-token`, { body: { token, ...more } });
const many = { metadata: { issuer: '' } };
const entra = (tid: string, claims: object = {}) =>
  provider.idToken({ iss: `${provider.issuer}/${tid}/v2.0`, tid, oid: OID, sub: 'pairwise', ...claims });

async function redirect(id: string, extra: Record<string, string> = {}) {
  const begun = await begin(service, id);
  const code = provider.codeFor(begun.nonce);
  const answer = { state: begun.state, iss: provider.issuer, code, ...extra };
  return { begun, client: told(await comeBack(service, id, answer, begun.cookie)) };
}
const exchange = async ({ begun, client }: Awaited<ReturnType<typeof redirect>>) =>
  service.call('POST', '/oauth/exchange', { body: { code: client.code, code_verifier: begun.verifier } });

test('an ID token of any provider signs in, for its web client and its mobile program', async () => {
  for (const aud of ['client-1', 'mobile-1']) {
    const token = await provider.idToken({ aud, email: 'ada@acme.example', nonce: 'n' });
    expect((await signIn('plain', token, { nonce: 'other' })).json().code).toBe('invalid_id_token');
    const answer = await signIn('plain', token, { nonce: 'n' });
    expect(answer.json()).toMatchObject({ email: 'ada@acme.example', token_type: 'bearer' });
  }
  const foreign = await signIn('plain', await provider.idToken({ aud: 'mobile-2' }));
  expect(foreign.json()).toMatchObject({ code: 'invalid_id_token', error: 'invalid_grant' });
  expect((await signIn('nobody', 'x')).json().code).toBe('provider_not_found');
  expect((await signIn('google', 'x')).json().code).toBe('feature_disabled');
  expect((await signIn('github', 'x')).json().code).toBe('feature_disabled');
});

test('an ID token may name as many groups as Entra puts into one', async () => {
  const groups = Array.from({ length: 200 }, () => OID);
  const token = await provider.idToken({ sub: 'of many groups', email: 'many@acme.example', groups });
  const answer = await signIn('plain', token);
  expect(answer.statusCode, answer.body).toBe(200);
});

test.each([
  [{ email: 'eve@other.example' }],
  [{ email: 'eve@acme.example', email_verified: false }],
  [{ email: 'eve@acme.example@other.example' }],
])('only verified addresses of the named domains are admitted: %o', async claims => {
  const answer = await signIn('plain', await provider.idToken({ sub: '7002', ...claims }));
  expect(answer.json().code).toBe('provider_account_refused');
});

test('a Workspace domain is checked on hd, not on the address', async () => {
  const refused = await signIn('workspace', await provider.idToken({ email: 'eve@acme.example' }));
  expect(refused.statusCode).toBe(403);
  const admitted = await provider.idToken({ sub: '7003', email: 'grace@acme.example', hd: 'Acme.example' });
  expect((await signIn('workspace', admitted)).statusCode).toBe(200);
  const { begun, client } = await redirect('workspace');
  expect(begun.location.searchParams.get('hd')).toBe('acme.example');
  expect(client).toMatchObject({ error: 'access_denied' });
});

test('Entra: the identity is the tenant and the object id, and only its own proof verifies an address', async () => {
  many.metadata.issuer = `${provider.issuer}/{tenantid}/v2.0`;
  provider.lie(many);
  // nOAuth: a stranger's tenant writes any address into its directory.
  const claimed = await signIn('entra', await entra(GUEST, { email: 'liar@example.com' }));
  expect(claimed.json().code).toBe('identity_linking_refused');
  const proven = await signIn('entra', await entra(GUEST, { email: 'ms@example.com', xms_edov: '1' }));
  expect(proven.statusCode, proven.body).toBe(200);
  // The same object id in another tenant is somebody else; another sub and address in this one is not.
  const other = await signIn('entra', await entra(HOME, { email: 'ms2@example.com', xms_edov: true }));
  expect(other.json().id).not.toBe(proven.json().id);
  const same = await signIn('entra', await entra(GUEST, { sub: 'else', email: 'renamed@example.com' }));
  expect(same.json().id).toBe(proven.json().id);
});

test('Entra: a token of one tenant with the iss of another, or a key of another, is refused', async () => {
  many.metadata.issuer = `${provider.issuer}/{tenantid}/v2.0`;
  provider.lie(many);
  const mixed = await entra(GUEST, { iss: `${provider.issuer}/${HOME}/v2.0`, xms_edov: true });
  expect((await signIn('entra', mixed)).json().code).toBe('invalid_id_token');
  for (const claims of [
    { tid: null },
    { oid: null },
    { oid: 'x' },
    { tid: 'x', iss: `${provider.issuer}/x/v2.0` },
  ]) {
    expect((await signIn('entra', await entra(GUEST, claims))).json().code).toBe('invalid_id_token');
  }
  provider.lie({ ...many, key: { issuer: `${provider.issuer}/${HOME}/v2.0` } });
  service.deps.clock.advance(601);
  const foreignKey = await signIn('entra', await entra(GUEST, { exp: Math.floor(Date.now() / 1000) + 3600 }));
  expect(foreignKey.json().code).toBe('invalid_id_token');
  provider.lie({ ...many, key: { issuer: `${provider.issuer}/{tenantid}/v2.0` } });
  service.deps.clock.advance(601);
  const exp = Math.floor(Date.now() / 1000) + 3600;
  expect((await signIn('entra', await entra(GUEST, { exp }))).statusCode).toBe(200);
});

test('Entra: a tenant that is named is admitted and believed, every other one is not admitted', async () => {
  const known = await signIn('entra-home', await entra(HOME, { oid: GUEST, email: 'home@example.com' }));
  expect(known.json()).toMatchObject({ email: 'home@example.com', email_verified: true });
  const foreign = await signIn('entra-home', await entra(GUEST, { email: 'x@example.com', xms_edov: true }));
  expect(foreign.json().code).toBe('invalid_id_token');
});

test('tenants are held against tid also where the host of the issuer does not say that it is Microsoft', async () => {
  const refusal = async (claims: object) => {
    const answer = await signIn('tenants', await provider.idToken({ sub: 'of a tenant', ...claims }));
    return answer.json().code;
  };
  for (const claims of [{}, { tid: GUEST }, { tid: [HOME] }])
    expect(await refusal(claims)).toBe('provider_account_refused');
  for (const tid of [HOME, HOME.toUpperCase()]) expect(await refusal({ tid })).toBeUndefined();
});

test('Entra: the redirect flow reads the tenant out of an endpoint of many', async () => {
  const other = await testApp({
    redirectUris: [CLIENT],
    oidcProviders: [
      provider.entry({ id: 'entra', type: 'microsoft', issuer: `${provider.issuer}/organizations/v2.0` }),
    ],
  });
  other.deps.clock.set(new Date());
  const claims = { iss: `${provider.issuer}/${GUEST}/v2.0`, tid: GUEST, oid: OID, xms_edov: true };
  const metadata = {
    issuer: `${provider.issuer}/{tenantid}/v2.0`,
    authorization_response_iss_parameter_supported: false,
  };
  provider.lie({ metadata, claims });
  const begun = await begin(other, 'entra');
  const answer = { state: begun.state, code: provider.codeFor(begun.nonce) };
  expect(told(await comeBack(other, 'entra', answer, begun.cookie))).toHaveProperty('code');
  await other.close();
});

const github = (user: object, emails: object[]) => ({
  answers: {
    '/api/v3/user': (response: ServerResponse) => response.end(JSON.stringify(user)),
    '/api/v3/user/emails': (response: ServerResponse) => response.end(JSON.stringify(emails)),
  },
});

test('GitHub: the account is its number, the address its verified primary one', async () => {
  const emails = [
    { email: 'second@example.com', primary: false, verified: true },
    { email: 'octo@example.com', primary: true, verified: true },
  ];
  provider.lie(github({ id: 583231, login: 'octocat', name: 'Mona Lisa Octocat' }, emails));
  const first = await redirect('github', { iss: `${provider.issuer}/login/oauth` });
  expect(first.begun.location.pathname).toBe('/login/oauth/authorize');
  expect(first.begun.location.searchParams.get('scope')).toBe('read:user user:email');
  expect(first.begun.nonce).toBe('');
  const token = (await exchange(first)).json().access_token;
  const me = (await service.call('GET', '/users/me', { token })).json();
  expect(me).toMatchObject({ email: 'octo@example.com', first_name: 'Mona', last_name: 'Lisa Octocat' });

  provider.lie(github({ id: 583231, login: 'renamed' }, []));
  const again = (await exchange(await redirect('github', { iss: `${provider.issuer}/login/oauth` }))).json();
  expect((await service.call('GET', '/users/me', { token: again.access_token })).json().id).toBe(me.id);
});

test('GitHub: an unverified primary address makes no account, and an outage of the API is said', async () => {
  const iss = { iss: `${provider.issuer}/login/oauth` };
  provider.lie(
    github({ id: 1, login: 'x' }, [{ email: 'octo@example.com', primary: true, verified: false }]),
  );
  expect((await exchange(await redirect('github', iss))).json().code).toBe('identity_linking_refused');
  provider.lie({ answers: { '/api/v3/user': response => response.writeHead(502).end() } });
  expect((await redirect('github', iss)).client.error).toBe('temporarily_unavailable');
});

test('GitHub: a domain is checked on the verified primary address, and of a tenant nobody is', async () => {
  const iss = { iss: `${provider.issuer}/login/oauth` };
  const verified = [{ email: 'of-none@example.com', primary: true, verified: true }];
  provider.lie(github({ id: 2, login: 'y' }, verified));
  expect((await redirect('github-tenants', iss)).client.error).toBe('access_denied');
  const as = async (id: number, email: string, verified: boolean) => {
    provider.lie(github({ id, login: 'x' }, [{ email, primary: true, verified }]));
    return (await redirect('github-acme', iss)).client;
  };
  expect(await as(2, 'octo@elsewhere.example', true)).toMatchObject({ error: 'access_denied' });
  expect(await as(3, 'octo@acme.example', false)).toMatchObject({ error: 'access_denied' });
  expect(await as(4, 'octo@ACME.example', true)).toHaveProperty('code');
});

test('Apple: the secret is signed, the answer is a posted form, and the name comes along once', async () => {
  provider.lie({
    claims: { sub: '001.apple', email: 'ada@icloud.example', email_verified: 'true', name: null },
  });
  const begun = await begin(service, 'apple');
  expect(begun.location.searchParams.get('response_mode')).toBe('form_post');
  // Another site posts it: the browser leaves the SameSite=Lax cookie out.
  const posted = await service.call('POST', '/oauth/apple/callback', {
    form: {
      state: begun.state,
      iss: provider.issuer,
      code: provider.codeFor(begun.nonce),
      user: JSON.stringify({ name: { firstName: 'Ada', lastName: 'Lovelace' }, email: 'x@y.example' }),
    },
  });
  expect(posted.statusCode, posted.body).toBe(303);
  const next = new URL(posted.headers.location as string);
  expect(next.href).not.toContain('Lovelace');
  const back = await service.call('GET', next.pathname + next.search, { headers: { cookie: begun.cookie } });
  const tokens = await exchange({ begun, client: told(back) });
  const me = await service.call('GET', '/users/me', { token: tokens.json().access_token });
  expect(me.json()).toMatchObject({ email: 'ada@icloud.example', first_name: 'Ada', last_name: 'Lovelace' });

  const secret = provider.received.at(-1)?.form.client_secret ?? '';
  const { payload, protectedHeader } = await jwtVerify(secret, applePublicKey, { audience: provider.issuer });
  expect(protectedHeader).toMatchObject({ alg: 'ES256', kid: 'KEY' });
  expect(payload).toMatchObject({ iss: 'TEAM', sub: 'client-1' });
});

test("Apple's name comes through the person's own browser: what cannot be stored or shown is left out of it", async () => {
  provider.lie({
    claims: { sub: '002.apple', email: 'eve@icloud.example', email_verified: 'true', name: null },
  });
  const begun = await begin(service, 'apple');
  const name = { firstName: 'E\0v\u202ee', lastName: 'L\r\nBcc: x' };
  const form = {
    state: begun.state,
    iss: provider.issuer,
    code: provider.codeFor(begun.nonce),
    user: JSON.stringify({ name }),
  };
  const posted = await service.call('POST', '/oauth/apple/callback', { form });
  const next = new URL(posted.headers.location as string);
  const back = await service.call('GET', next.pathname + next.search, { headers: { cookie: begun.cookie } });
  const tokens = await exchange({ begun, client: told(back) });
  expect(tokens.statusCode, tokens.body).toBe(200);
  const me = await service.call('GET', '/users/me', { token: tokens.json().access_token });
  expect(me.json()).toMatchObject({ first_name: 'Eve', last_name: 'LBcc: x' });
});

test('a form from elsewhere, without the cookie of this browser, signs nobody in', async () => {
  const begun = await begin(service, 'apple');
  const form = { state: begun.state, code: provider.codeFor(begun.nonce), iss: provider.issuer };
  const posted = await service.call('POST', '/oauth/apple/callback', { form });
  const next = new URL(posted.headers.location as string);
  expect((await service.call('GET', next.pathname + next.search)).json().code).toBe('invalid_sign_in');
});
