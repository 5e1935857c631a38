import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/person.ts';
import { createClient } from '../clients/create.ts';
import type { Granter } from '../rbac/granter.ts';
import { decodeRefreshToken, encodeRefreshToken, type RefreshToken } from '../sessions/refresh-token.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

let names = 0;
function makeClient({ deps }: TestApp, ...permissions: string[]) {
  const operator: Granter = {
    kind: 'operator',
    permissions: new Set(['clients:write', ...permissions]),
    caller: null,
  };
  return createClient(deps, operator, { name: `client ${names++}`, permissions });
}

const post = (
  client: Awaited<ReturnType<typeof makeClient>>,
  url: string,
  { token }: { readonly token: string },
) => {
  const form = { token, client_id: client.id, client_secret: client.secret };
  return world.call('POST', url, { form });
};
const refresh = (refresh_token: string) => world.call('POST', '/refresh-token', { body: { refresh_token } });

test('a refresh token is active until it is rotated, and revoking it ends its session (RFC 7009 §2.1)', async () => {
  const powerful = await makeClient(world, 'tokens:introspect', 'sessions:revoke');
  const weak = await makeClient(world, 'tokens:introspect');
  const person = await signedIn(world);
  const active = (await post(powerful, '/introspect', { token: person.refreshToken })).json();
  expect(active).toMatchObject({ active: true, sub: person.id, token_type: 'refresh_token' });
  const fresh = (await refresh(person.refreshToken)).json();
  const { iat, exp } = (await post(powerful, '/introspect', { token: fresh.refresh_token })).json();
  const { idleLifetime } = world.deps.config.sessions;
  expect(exp - iat).toBe(idleLifetime);
  expect((await post(powerful, '/introspect', { token: person.refreshToken })).body).toBe('{"active":false}');
  expect((await post(weak, '/revoke', { token: fresh.refresh_token })).json().permission).toBe(
    'sessions:revoke',
  );
  expect((await world.call('GET', '/users/me', { token: fresh.access_token })).statusCode).toBe(200);
  expect((await post(powerful, '/revoke', { token: fresh.refresh_token })).statusCode).toBe(200);
  expect((await world.call('GET', '/users/me', { token: fresh.access_token })).json().code).toBe(
    'token_revoked',
  );
  expect((await refresh(fresh.refresh_token)).json().code).toBe('invalid_refresh_token');
  expect((await post(powerful, '/introspect', { token: fresh.refresh_token })).body).toBe('{"active":false}');
});

test('a refresh token with another seed, as who knows only the root secret could make it, is none', async () => {
  const client = await makeClient(world, 'tokens:introspect', 'sessions:revoke');
  const person = await signedIn(world);
  const { random, secrets } = world.deps;
  const real = decodeRefreshToken(secrets, person.refreshToken) as RefreshToken;
  let newest = person.refreshToken;
  for (const generation of [0, 1]) {
    const forged = encodeRefreshToken(secrets, { ...real, generation, seed: random.bytes(32) });
    expect((await refresh(forged)).json().code).toBe('invalid_refresh_token');
    expect((await post(client, '/introspect', { token: forged })).json()).toEqual({ active: false });
    expect((await post(client, '/revoke', { token: forged })).statusCode).toBe(200);
    const [answer, again] = [await refresh(newest), await refresh(newest)];
    expect([answer.statusCode, again.json().refresh_token]).toEqual([200, answer.json().refresh_token]);
    newest = answer.json().refresh_token;
  }
  // As after a backup was restored: the service knows of fewer refreshes than the client.
  const ahead = encodeRefreshToken(secrets, { ...real, generation: 5 });
  expect((await refresh(ahead)).json().code).toBe('invalid_refresh_token');
  expect((await refresh(newest)).statusCode).toBe(200);
});

test('no token outlives a session that may be less old than they', async () => {
  const brief = await testApp({ sessions: { maxAge: 600 } });
  try {
    const { id: client_id, secret: client_secret } = await makeClient(brief, 'tokens:introspect');
    const { accessToken, refreshToken } = await signedIn(brief);
    for (const token of [accessToken, refreshToken]) {
      const { iat, exp } = (
        await brief.call('POST', '/introspect', { form: { token, client_id, client_secret } })
      ).json();
      expect(exp - iat).toBe(600);
    }
    brief.deps.clock.advance(540);
    const last = await brief.call('POST', '/refresh-token', { body: { refresh_token: refreshToken } });
    expect(last.json().expires_in).toBe(60);
  } finally {
    await brief.close();
  }
});

test('a session that is refreshed again and again ends when it is as old as it may be, and its refresh token says so', async () => {
  const resource = await makeClient(world, 'tokens:introspect');
  const person = await signedIn(world);
  const { deps } = world;
  const { idleLifetime, maxAge } = deps.config.sessions;
  const end = Math.floor(deps.clock.now().getTime() / 1000) + maxAge;
  let token = person.refreshToken;
  for (let age = idleLifetime - 1; age < maxAge; age += idleLifetime - 1) {
    deps.clock.advance(idleLifetime - 1);
    token = (await refresh(token)).json().refresh_token;
  }
  expect((await post(resource, '/introspect', { token })).json()).toMatchObject({ active: true, exp: end });
  deps.clock.set(new Date(end * 1000));
  expect((await post(resource, '/introspect', { token })).json()).toEqual({ active: false });
  expect((await refresh(token)).json().code).toBe('invalid_refresh_token');
});
