import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type TestIssuer, testIssuer } from '../../test/support/issuer.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, member, person } from '../../test/support/people.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { lockAccount } from '../accounts/find.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
let issuer: TestIssuer;
let now = () => new Date('2026-11-23T12:00:00Z');
beforeAll(async () => {
  issuer = await testIssuer(() => now());
  service = await testApp({
    google: { clientIds: ['client-1', 'client-2'], clientSecret: null, issuer: issuer.url },
  });
  now = () => service.deps.clock.now();
});
afterAll(async () => {
  await service.close();
  await issuer.close();
});

const signUp = (token: string, more: object = {}) =>
  service.call('POST', '/signup/google', { body: { token, ...more } });
const mails = (template: string) =>
  service.deps.db.rows(sql`select recipient from outbox where template = ${template}`);

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

test('pre-hijack: everything that was set on an unverified account is gone once Google proves the mailbox', async () => {
  const who = await person(service, { email: 'victim@example.com', verified: false });
  const attacker = await logIn(service, who);
  const answer = await signUp(await issuer.idToken({ sub: '3001', email: 'Victim@example.com' }));
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.json()).toMatchObject({ id: who.id, email_verified: true });
  // Nor is the victim greeted by a name that the attacker typed.
  const told = (await mailsTo(service, who.email)).find(({ template }) => template === 'identity-linked');
  expect(told?.params).not.toHaveProperty('name');
  expect((await service.call('GET', '/users/me', { token: attacker.access_token })).statusCode).toBe(401);
  expect(
    (await service.call('POST', '/refresh-token', { body: { refresh_token: attacker.refresh_token } }))
      .statusCode,
  ).toBe(401);
  const password = await service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
  });
  expect(password.json().code).toBe('invalid_credentials');
});

test('a verified account is linked, its sessions end, it keeps its password, and its owner is told', async () => {
  const who = await person(service, { email: 'owner@example.com' });
  const before = await logIn(service, who);
  const answer = await signUp(await issuer.idToken({ sub: '3002', email: 'owner@example.com' }));
  expect(answer.json().id).toBe(who.id);
  expect((await service.call('GET', '/users/me', { token: before.access_token })).statusCode).toBe(401);
  await logIn(service, who);
  expect(await mails('identity-linked')).toContainEqual({ recipient: 'owner@example.com' });
});

test('a password that is being set while the account is linked ends the sessions too, and can be removed', async () => {
  const { who, token } = await member(service);
  const { db, clock } = service.deps;
  const idToken = await issuer.idToken({ sub: '3004', email: who.email });
  const { hash } = (await db.row<{ hash: string }>(sql`
    delete from passwords where user_id = ${who.id}::uuid returning hash`)) as { hash: string };
  let answer: ReturnType<typeof signUp> | undefined;
  await db.transaction(async tx => {
    await lockAccount(tx, who.id);
    answer = signUp(idToken);
    await waitingForLock(db);
    await tx.run(sql`
      insert into passwords (user_id, hash, changed_at) values (${who.id}::uuid, ${hash}, ${clock.now()})`);
  });
  expect((await answer)?.json().id).toBe(who.id);
  expect((await service.call('GET', '/users/me', { token })).json().code).toBe('token_revoked');
  const body = { token: await mailedToken(service, 'identity-linked', who.email) };
  expect((await service.call('POST', '/password/remove', { body })).statusCode).toBe(200);
});

// The key that addresses are held by folds further than mailboxes do.
test.each([
  ['a dotless i', 'admin@shared.example', 'adm\u0131n@shared.example'],
  ['a sharp s', 'strasse@shared.example', 'stra\u00dfe@shared.example'],
  ['a final sigma', '\u03c3\u03c3@shared.example', '\u03c3\u03c2@shared.example'],
])(
  'who has an address that differs by %s is let into no account, and makes none',
  async (_name, owner, theirs) => {
    for (const verified of [true, false]) {
      const email = verified ? owner : `un.${owner}`;
      const stranger = verified ? theirs : `un.${theirs}`;
      const who = await person(service, { email, verified });
      const answer = await signUp(await issuer.idToken({ sub: `5001-${stranger}`, email: stranger }));
      expect([answer.statusCode, answer.json().code], stranger).toEqual([409, 'address_taken']);
      const { access_token } = await logIn(service, who);
      const me = (await service.call('GET', '/users/me', { token: access_token })).json();
      expect(me).toMatchObject({ id: who.id, email, email_verified: verified });
      expect((await service.call('GET', '/users/me/identities', { token: access_token })).json()).toEqual([]);
    }
  },
);

test('an address that is kept for its former owner makes no account until the 72 hours are over', async () => {
  const who = await person(service, { email: 'moved@shared.example' });
  const { access_token: token } = await logIn(service, who);
  await service.call('PUT', '/users/me', { token, body: { email: 'new@shared.example' } });
  const confirm = await mailedToken(service, 'email-change-confirm', 'new@shared.example');
  await service.call('POST', `/verify-email/${confirm}`);
  const answer = await signUp(await issuer.idToken({ sub: '5003', email: who.email }));
  expect([answer.statusCode, answer.json().code]).toEqual([409, 'address_taken']);
  service.deps.clock.advance(72 * 3600 + 1);
  const later = await signUp(await issuer.idToken({ sub: '5003', email: who.email }));
  expect(later.json()).toMatchObject({ email: who.email, email_verified: true });
  expect(later.json().id).not.toBe(who.id);
});

test.each([
  ['case', 'Grace.H@shared.example', 'gRACE.h@Shared.Example'],
  ['width', 'width@shared.example', '\uff57idth@shared.example'],
  ['a ligature (NFKC)', 'fisher@shared.example', '\ufb01sher@shared.example'],
  ['the script of the domain', 'ada@b\u00fccher.example', 'ada@xn--bcher-kva.example'],
])('an address that differs by %s is the same', async (_name, owner, theirs) => {
  const who = await person(service, { email: owner });
  const answer = await signUp(await issuer.idToken({ sub: `5002-${theirs}`, email: theirs }));
  expect(answer.json().id, answer.body).toBe(who.id);
});

test('a disabled account stays closed to Google too', async () => {
  const who = await person(service, { email: 'closed@example.com' });
  await service.deps.db.run(
    sql`update users set disabled_at = ${now()}::timestamptz where id = ${who.id}::uuid`,
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
