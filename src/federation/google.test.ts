import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { type GoogleApp, googleApp } from '../../test/support/google.ts';
import { mailedToken } from '../../test/support/mails.ts';
import { logIn, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';

let { service, issuer, signUp, close } = {} as GoogleApp;
beforeAll(async () => {
  ({ service, issuer, signUp, close } = await googleApp());
});
afterAll(() => close());

test('a Google ID token makes a verified account with tokens, and the same identity logs in to it again', async () => {
  const first = await signUp(await issuer.idToken());
  expect(first.statusCode, first.body).toBe(200);
  expect(first.json()).toMatchObject({
    email: 'grace@example.com',
    full_name: 'Grace Hopper',
    email_verified: true,
    roles: ['user'],
    token_type: 'bearer',
  });
  expect(service.deps.keys.verify(first.json().access_token)).toHaveProperty('amr', ['fed']);
  // The subject is the identity: another address at the provider is the same person here.
  const second = await signUp(await issuer.idToken({ email: 'other@example.com' }));
  expect(second.json().id).toBe(first.json().id);
});

test.each([
  ['another audience', { aud: 'client-9' }],
  ['another issuer', { iss: 'https://accounts.example.com' }],
  ['expired', { iat: 1_700_000_000, exp: 1_700_003_600 }],
  ['no subject', { sub: null }],
  ['another authorized party', { azp: 'client-9' }],
  ['several audiences and no authorized party', { aud: ['client-1', 'client-9'] }],
  ['a subject that cannot be stored', { sub: '20\u000001' }],
  ['a subject of more than 255 characters', { sub: '1'.repeat(256) }],
  ['a subject with half a surrogate pair', { sub: '20\ud80001' }],
])('%s is refused', async (_name, claims) => {
  const answer = await signUp(await issuer.idToken({ sub: '2001', email: 'x@example.com', ...claims }));
  expect(answer.statusCode).toBe(401);
  expect(answer.json()).toMatchObject({ code: 'invalid_google_token', detail: 'Invalid Google token' });
});

test.each(['at+jwt', 'application/at+JWT', 'logout+jwt', 'secevent+jwt'])(
  'a token of the issuer that says it is of another kind is no ID token: %s',
  async typ => {
    const answer = await signUp(await issuer.idToken({ sub: '2006', email: 'typed@example.com' }, { typ }));
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'invalid_google_token']);
  },
);

test.each([
  'ada@localhost',
  'ada@',
  'ada lovelace@example.com',
  'ada@example.com\r\nBcc: eve@example.com',
  `${'a'.repeat(300)}@example.com`,
])('an address that nobody can have here makes no account: %j', async email => {
  const answer = await signUp(await issuer.idToken({ sub: '2005', email }));
  expect([answer.statusCode, answer.json().code]).toEqual([409, 'identity_linking_refused']);
});

test('an address that cannot be stored is none', async () => {
  const signedIn = (email: string) => issuer.idToken({ sub: '2004', email }).then(token => signUp(token));
  expect((await signedIn('x\0@example.com')).json().code).toBe('invalid_google_token');
});

test("a provider's clock may run a minute ahead, and no token outlives its end for that", async () => {
  const now = Math.floor(service.deps.clock.now().getTime() / 1000);
  const status = async (claims: object) =>
    (await signUp(await issuer.idToken({ sub: '2003', email: 'skewed@example.com', ...claims }))).statusCode;
  expect(await status({ exp: now })).toBe(401);
  expect(await status({ exp: now - 59 })).toBe(401);
  expect(await status({ exp: now + 1 })).toBe(200);
  for (const begin of ['iat', 'nbf']) {
    expect(await status({ [begin]: now + 61 })).toBe(401);
    expect(await status({ [begin]: now + 60 })).toBe(200);
  }
});

test('a forged signature, alg none, a shared-secret signature and a mock token are refused', async () => {
  const good = await issuer.idToken({ sub: '2002' });
  const [header, payload] = good.split('.') as [string, string];
  const none = Buffer.from(JSON.stringify({ alg: 'none' })).toString('base64url');
  const hs256 = await new SignJWT({ sub: '2002', email: 'x@example.com', email_verified: true })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer.url)
    .setAudience('client-1')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(Buffer.from('client-1-client-1-client-1-client-1'));
  for (const token of [
    `${header}.${payload}.AAAA`,
    `${none}.${payload}.`,
    hs256,
    'mock_google_token_1',
    'a.b.c',
  ]) {
    expect((await signUp(token)).json().code).toBe('invalid_google_token');
  }
});

test('the nonce must be the one that was asked with', async () => {
  const token = await issuer.idToken({ sub: '2003', email: 'nonce@example.com', nonce: 'n-1' });
  expect((await signUp(token, { nonce: 'n-2' })).statusCode).toBe(401);
  expect((await signUp(token, { nonce: 'n-1' })).statusCode).toBe(200);
});

test.each([
  ['that Google did not verify', { email_verified: false }],
  ['that Google says nothing of', { email_verified: null }],
  ['that is not there', { email: null }],
])('a token with an address %s links and makes nothing, and is no valid one', async (_name, claims) => {
  const answer = await signUp(
    await issuer.idToken({ sub: '2004', email: 'unproven@example.com', ...claims }),
  );
  expect([answer.statusCode, answer.json()]).toMatchObject([
    401,
    {
      code: 'invalid_google_token',
      detail: 'Invalid Google token',
      message: 'Google has not verified your address. Verify it there, or sign up with a password.',
    },
  ]);
});

test('POST /oauth/google/id-token refuses in the words of its own route', async () => {
  const answer = await service.call('POST', '/oauth/google/id-token', { body: { token: 'x' } });
  expect([answer.statusCode, answer.json()]).toMatchObject([
    401,
    { code: 'invalid_id_token', error: 'invalid_grant' },
  ]);
});

test('the trail says why an address that the provider vouches for, or does not, opened no account', async () => {
  const refusals = () =>
    service.deps.db.rows<{ reason: string; data: object; user_id: string | null }>(sql`
      select reason, data, user_id from audit_events where type = 'identity.refused' order by id`);
  const before = (await refusals()).length;
  await signUp(await issuer.idToken({ sub: '2007', email: 'unproven@example.com', email_verified: false }));
  await signUp(await issuer.idToken({ sub: '2007', email: 'ada@localhost' }));
  const who = await person(service, { email: 'left@shared.example' });
  const { access_token: token } = await logIn(service, who);
  await service.call('PUT', '/users/me', { token, body: { email: 'gone@shared.example' } });
  const confirm = await mailedToken(service, 'email-change-confirm', 'gone@shared.example');
  await service.call('POST', `/verify-email/${confirm}`);
  await signUp(await issuer.idToken({ sub: '2008', email: who.email }));
  const refused = (reason: string) => ({ reason, data: { provider: 'google' }, user_id: null });
  const unproven = refused('identity_linking_refused');
  expect((await refusals()).slice(before)).toEqual([unproven, unproven, refused('address_taken')]);
});

test('a disabled account stays closed to Google too', async () => {
  const who = await person(service, { email: 'closed@example.com' });
  await service.deps.db.run(
    sql`update users set disabled_at = ${service.deps.clock.now()}::timestamptz where id = ${who.id}::uuid`,
  );
  const answer = await signUp(await issuer.idToken({ sub: '3003', email: 'closed@example.com' }));
  expect(answer.statusCode).toBe(401);
  expect(answer.json().code).toBe('account_disabled');
});

test('ten first sign-ins of one identity at once make one account', async () => {
  const token = await issuer.idToken({ sub: '4001', email: 'crowd@example.com' });
  const answers = await Promise.all(Array.from({ length: 10 }, () => signUp(token)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(new Set(answers.map(answer => answer.json().id)).size).toBe(1);
});

test('a rotated key is fetched when a token names it, and an outage is bridged by the kept keys', async () => {
  service.deps.clock.advance(60);
  await issuer.rotate();
  const fetches = issuer.fetches();
  expect((await signUp(await issuer.idToken())).statusCode).toBe(200);
  expect(issuer.fetches()).toBe(fetches + 1);
  issuer.down(true);
  service.deps.clock.advance(3600);
  expect((await signUp(await issuer.idToken())).statusCode).toBe(200);
  service.deps.clock.advance(2 * 86_400);
  const lost = await signUp(await issuer.idToken());
  expect(lost.statusCode).toBe(503);
  expect(lost.json().code).toBe('provider_unavailable');
  issuer.down(false);
  service.deps.clock.advance(60);
  expect((await signUp(await issuer.idToken())).statusCode).toBe(200);
});

test('of several tokens at once that name a new key, all wait for the fetch that one of them begins', async () => {
  service.deps.clock.advance(60);
  await issuer.rotate();
  const fetches = issuer.fetches();
  const tokens = await Promise.all(Array.from({ length: 5 }, () => issuer.idToken()));
  const answers = await Promise.all(tokens.map(token => signUp(token)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200, 200]);
  expect(issuer.fetches()).toBe(fetches + 1);
});

test('without a client id, Google sign-in is off', async () => {
  const other = await testApp();
  const answer = await other.call('POST', '/signup/google', { body: { token: 'x' } });
  expect(answer.statusCode).toBe(404);
  expect(answer.json().code).toBe('feature_disabled');
  await other.close();
});
