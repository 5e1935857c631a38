import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/person.ts';
import { createClient } from '../clients/create.ts';
import { symmetricSigner } from '../keys/jwt.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import type { Granter } from '../rbac/granter.ts';
import { introspect } from './introspect.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ tokens: { algorithm: 'ES256' } });
});
afterAll(() => world.close());

const operator = (permissions: string[]): Granter => ({
  kind: 'operator',
  permissions: new Set(['clients:write', ...permissions]),
  caller: null,
});

let names = 0;
const makeClient = (...permissions: string[]) =>
  createClient(world.deps, operator(permissions), { name: `client ${names++}`, permissions });
type Made = Awaited<ReturnType<typeof makeClient>>;

const basic = ({ id, secret }: { id: string; secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});
const post = (client: Made, url: string, form: Record<string, string>) =>
  world.call('POST', url, { form, headers: basic(client) });

async function clientToken(client: Made): Promise<string> {
  const answer = await post(client, '/token', { grant_type: 'client_credentials' });
  expect(answer.statusCode).toBe(200);
  return answer.json().access_token as string;
}

test('client_credentials gives a token of the client alone: sub and client_id, no sid, no refresh token (RFC 6749 §4.4.3)', async () => {
  const client = await makeClient('users:read');
  const answer = await post(client, '/token', { grant_type: 'client_credentials', scope: 'ignored' });
  expect(Object.keys(answer.json()).sort()).toEqual([
    'access_token',
    'expires_at',
    'expires_in',
    'token_type',
  ]);
  expect(answer.headers['cache-control']).toBe('no-store');
  const claims = world.deps.keys.verify(answer.json().access_token);
  expect(claims).toMatchObject({ sub: client.id, client_id: client.id, permissions: ['users:read'] });
  expect(claims).not.toHaveProperty('sid');
  const inBody = { grant_type: 'client_credentials', client_id: client.id, client_secret: client.secret };
  expect((await world.call('POST', '/token', { form: inBody })).statusCode).toBe(200);
  expect((await world.call('GET', '/users/me', { token: answer.json().access_token })).json().code).toBe(
    'user_required',
  );
});

test('a wrong secret, an unknown client and no credentials get the same 401 invalid_client with Basic (RFC 6749 §5.2)', async () => {
  const client = await makeClient('tokens:introspect');
  const others = [
    basic({ id: client.id, secret: 'wrong' }),
    basic({ id: world.deps.random.uuid(), secret: client.secret }),
    basic({ id: 'not-a-uuid', secret: client.secret }),
    { authorization: 'Basic !!!' },
    { authorization: `Bearer ${client.secret}` },
    {},
  ];
  for (const headers of others) {
    const answer = await world.call('POST', '/introspect', { form: { token: 'x' }, headers });
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ code: 'invalid_client', error: 'invalid_client' });
    expect(answer.headers['www-authenticate']).toMatch(/^Basic realm=/);
  }
  const twice = { token: 'x', client_id: client.id, client_secret: client.secret };
  expect((await post(client, '/introspect', twice)).statusCode).toBe(400);
});

test('a parameter that is sent without a value is as if omitted (RFC 6749 §3.2)', async () => {
  const { email } = await signedIn(world);
  const form = { username: email, password: 'Correct-horse-7', device_token: '' };
  for (const grant of [[], ['grant_type', 'scope']]) {
    const empty = Object.fromEntries(['client_id', 'client_secret', ...grant].map(name => [name, '']));
    const byForm = await world.call('POST', '/token', { form: { ...form, ...empty } });
    const byJson = await world.call('POST', '/token', { body: { ...form, ...empty } });
    expect([byForm.statusCode, byJson.statusCode]).toEqual([200, 200]);
  }
  const client = await makeClient('tokens:introspect', 'sessions:revoke');
  const credentials = { client_id: '', client_secret: '' };
  const token = await clientToken(client);
  const asked = await post(client, '/introspect', { token, token_type_hint: '', ...credentials });
  expect(asked.json()).toMatchObject({ active: true });
  const grant = { grant_type: 'client_credentials', ...credentials };
  expect((await post(client, '/token', grant)).statusCode).toBe(200);
  expect((await post(client, '/revoke', { token, token_type_hint: '', ...credentials })).statusCode).toBe(
    200,
  );
  expect((await post(client, '/introspect', { token })).json()).toEqual({ active: false });
});

test('introspection needs tokens:introspect, and says of what is not good only that (RFC 7662 §2.2)', async () => {
  const resource = await makeClient('tokens:introspect');
  const other = await makeClient('users:read');
  const token = await clientToken(other);
  expect((await post(other, '/introspect', { token })).json()).toMatchObject({
    code: 'permission_denied',
    error: 'insufficient_scope',
    permission: 'tokens:introspect',
  });
  expect(
    await world.deps.db.rows(
      sql`select type, outcome, reason from audit_events where actor_id = ${other.id}::uuid and type like 'permission.%'`,
    ),
  ).toEqual([{ type: 'permission.denied', outcome: 'refusal', reason: 'tokens:introspect' }]);
  const active = (
    await post(resource, '/introspect', { token, token_type_hint: 'refresh_token', junk: '1' })
  ).json();
  expect(active).toMatchObject({
    active: true,
    sub: other.id,
    client_id: other.id,
    scope: 'users:read',
    token_type: 'Bearer',
    iss: 'http://localhost:8000',
    aud: 'entrecore',
  });
  for (const dead of ['x', 'a.b.c', `${token}x`, token.slice(0, -4), 'y'.repeat(9000)]) {
    const answer = await post(resource, '/introspect', { token: dead });
    expect([answer.statusCode, answer.body]).toEqual([200, '{"active":false}']);
  }
  const json = await world.call('POST', '/introspect', { body: { token }, headers: basic(resource) });
  expect(json.json().active).toBe(true);
  expect((await post(resource, '/introspect', {})).statusCode).toBe(422);
});

test('while the database cannot be reached, introspection says that, and not that a token is dead', async () => {
  const { accessToken } = await signedIn(world);
  const { deps } = world;
  const unreachable = { ...deps.db, read: () => Promise.reject(new Problem('database_unavailable')) };
  const caller = { requestId: 'gateway', ip: '192.0.2.1', userAgent: 'test' };
  const resource = { clientId: deps.random.uuid(), permissions: new Set(['tokens:introspect']) };
  await expect(introspect({ ...deps, db: unreachable }, caller, resource, accessToken)).rejects.toMatchObject(
    { code: 'database_unavailable' },
  );
});

test('introspection tells the claims as the token has them, also one that a holder of the HS256 key made', async () => {
  const shared = await testApp();
  try {
    const { accessToken: token } = await signedIn(shared);
    const claims = shared.deps.keys.verify(token);
    const sign = symmetricSigner('HS256', String(shared.deps.config.tokens.jwtSecret));
    const made = { ...claims, aud: ['entrecore', 'orders'], iat: claims.iat - 0.5 };
    const granter = operator(['tokens:introspect']);
    const resource = await createClient(shared.deps, granter, {
      name: 'resource',
      permissions: ['tokens:introspect'],
    });
    const answer = await shared.call('POST', '/introspect', {
      form: { token: sign(made) },
      headers: basic(resource),
    });
    expect(answer.json()).toMatchObject({ active: true, aud: made.aud, iat: made.iat });
  } finally {
    await shared.close();
  }
});

test('a token of a removed client, and one that has expired, are inactive at once', async () => {
  const resource = await makeClient('tokens:introspect');
  const other = await makeClient();
  const token = await clientToken(other);
  await world.deps.db.run(sql`delete from clients where id = ${other.id}`);
  expect((await post(resource, '/introspect', { token })).body).toBe('{"active":false}');
  expect((await world.call('GET', '/clients', { token })).json().code).toBe('invalid_token');
  const late = await clientToken(resource);
  world.deps.clock.advance(1801);
  expect((await post(resource, '/introspect', { token: late })).body).toBe('{"active":false}');
});

test("a client revokes its own token; another's needs sessions:revoke; what is unknown is 200 (RFC 7009 §2.2)", async () => {
  const one = await makeClient();
  const two = await makeClient();
  const powerful = await makeClient('sessions:revoke', 'tokens:introspect');
  const [first, second] = [await clientToken(one), await clientToken(one)];
  expect((await post(two, '/revoke', { token: first })).json()).toMatchObject({
    permission: 'sessions:revoke',
  });
  expect((await post(one, '/revoke', { token: first })).statusCode).toBe(200);
  expect((await world.call('GET', '/clients', { token: first })).json().code).toBe('token_revoked');
  expect((await post(powerful, '/introspect', { token: first })).body).toBe('{"active":false}');
  expect((await post(powerful, '/introspect', { token: second })).json().active).toBe(true);
  expect((await post(powerful, '/revoke', { token: second })).statusCode).toBe(200);
  expect((await post(powerful, '/introspect', { token: second })).body).toBe('{"active":false}');
  for (const token of ['x', 'a.b.c', first])
    expect((await post(one, '/revoke', { token })).statusCode).toBe(200);
});

test('a token that is revoked again, as after a lost answer, or twice at once, is in the trail once', async () => {
  const client = await makeClient();
  const token = await clientToken(client);
  const { jti } = world.deps.keys.verify(token);
  const revoke = () => post(client, '/revoke', { token });
  const answers = [...(await Promise.all([revoke(), revoke()])), await revoke()];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  const events = await world.deps.db.rows(
    sql`select from audit_events where type = 'token.revoked' and data ->> 'jti' = ${jti}::text`,
  );
  expect(events).toHaveLength(1);
});

test('the JWKS may be cached for five minutes, and the metadata names only what is there (RFC 8414)', async () => {
  const keys = await world.call('GET', '/.well-known/jwks.json');
  expect(keys.headers['cache-control']).toBe('public, max-age=300');
  expect(keys.json()).toEqual(world.deps.keys.jwks());
  const metadata = (await world.call('GET', '/.well-known/oauth-authorization-server')).json();
  expect(metadata).toEqual((await world.call('GET', '/.well-known/openid-configuration')).json());
  expect(metadata.issuer).toBe('http://localhost:8000');
  for (const [name, value] of Object.entries(metadata)) {
    if (!name.endsWith('_endpoint') && !name.endsWith('_uri')) continue;
    const path = (value as string).slice('http://localhost:8000'.length);
    const found = world.app.hasRoute({ method: name === 'jwks_uri' ? 'GET' : 'POST', url: path });
    expect([name, found]).toEqual([name, true]);
  }
});

test("a user's token is active with the roles of this moment, and inactive once its user is disabled", async () => {
  const resource = await makeClient('tokens:introspect');
  const person = await signedIn(world, 'users:read');
  const { deps } = world;
  const active = (await post(resource, '/introspect', { token: person.accessToken })).json();
  expect(active).toMatchObject({
    active: true,
    sub: person.id,
    username: person.email,
    permissions: ['users:read'],
    amr: ['pwd'],
  });
  await deps.db.run(sql`delete from user_roles where user_id = ${person.id} and role_name <> 'user'`);
  // However long ago it was that the person proved who they are.
  deps.clock.advance(deps.config.sessions.reauthAge + 1);
  const later = (await post(resource, '/introspect', { token: person.accessToken })).json();
  expect([later.roles, later.permissions, later.scope]).toEqual([['user'], [], '']);
  await deps.db.run(sql`update users set disabled_at = ${deps.clock.now()} where id = ${person.id}`);
  for (const token of [person.accessToken, person.refreshToken]) {
    expect((await post(resource, '/introspect', { token })).body).toBe('{"active":false}');
  }
});

test('an access token that is revoked dies alone: its session refreshes on', async () => {
  const powerful = await makeClient('tokens:introspect', 'sessions:revoke');
  const person = await signedIn(world);
  await post(powerful, '/revoke', { token: person.accessToken });
  expect((await world.call('GET', '/users/me', { token: person.accessToken })).json().code).toBe(
    'token_revoked',
  );
  const fresh = await world.call('POST', '/refresh-token', { body: { refresh_token: person.refreshToken } });
  expect((await world.call('GET', '/users/me', { token: fresh.json().access_token })).statusCode).toBe(200);
});

test('POST /keys/rotate needs keys:rotate, publishes the next key at once, and names the waiting one after that', async () => {
  const person = await signedIn(world, 'keys:rotate');
  const other = await signedIn(world);
  expect((await world.call('POST', '/keys/rotate', { token: other.accessToken })).json().permission).toBe(
    'keys:rotate',
  );
  const first = (await world.call('POST', '/keys/rotate', { token: person.accessToken })).json();
  expect(first).toMatchObject({ algorithm: 'ES256', created: true });
  const kids = (await world.call('GET', '/.well-known/jwks.json'))
    .json()
    .keys.map(({ kid }: { kid: string }) => kid);
  expect(kids).toContain(first.kid);
  const second = (await world.call('POST', '/keys/rotate', { token: person.accessToken })).json();
  expect(second).toEqual({ ...first, created: false });
  world.deps.clock.advance(601);
  const late = await world.call('POST', '/keys/rotate', { token: person.accessToken });
  expect(late.json().code).toBe('reauthentication_required');
});

test('who asks is judged before what is asked', async () => {
  const client = await makeClient('tokens:introspect');
  for (const url of ['/introspect', '/revoke'])
    for (const body of [undefined, {}, [], { client_id: 7, client_secret: {} }, { token: 7 }]) {
      const stranger = await world.call('POST', url, { body });
      expect(stranger.json(), `${url} ${JSON.stringify(body)}`).toMatchObject({ code: 'invalid_client' });
    }
  for (const url of ['/introspect', '/revoke']) {
    const empty = await post(client, url, {});
    expect(empty.json()).toMatchObject({
      code: 'validation_failed',
      error: 'invalid_request',
      detail: [{ type: 'missing', loc: ['body', 'token'] }],
    });
  }
});
