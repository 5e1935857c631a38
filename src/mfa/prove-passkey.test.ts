import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { member } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { addTotp } from '../../test/support/totp.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { sql } from '../platform/sql.ts';
import { countUse } from './passkey-queries.ts';
import { provePasskey } from './prove-passkey.ts';
import type { AssertionResponse } from './webauthn.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const ask = async (path: string, token?: string) =>
  (await world.call('POST', path, token === undefined ? {} : { token })).json().options;
const add = async (token: string, response: object) =>
  (await world.call('POST', '/mfa/passkeys', { token, body: { name: 'Key', response } })).statusCode;

const ADD = '/mfa/passkeys/options';
const PROVE = '/token/reauthenticate/passkey/options';
const SIGN_IN = '/token/passkey/options';

async function holder() {
  const { token } = await member(world);
  const passkey = softAuthenticator();
  expect(await add(token, passkey.create(await ask(ADD, token)))).toBe(201);
  const prove = async (response: object) => {
    const answer = await world.call('POST', '/token/reauthenticate/passkey', { token, body: { response } });
    return answer.statusCode === 200 ? 'proven' : answer.json().code;
  };
  const [{ id }] = (await world.call('GET', '/mfa/passkeys', { token })).json().passkeys;
  return { id: String(id), token, passkey, prove };
}

test('a passkey proves its own owner alone, to whoever was asked, and what was asked', async () => {
  const [ada, eve] = [await holder(), await holder()];
  expect(await ada.prove(ada.passkey.get(await ask(PROVE, ada.token)))).toBe('proven');
  // Another's passkey; what another, nobody, or a new passkey was asked.
  expect(await ada.prove(eve.passkey.get(await ask(PROVE, ada.token)))).toBe('passkey_refused');
  expect(await ada.prove(ada.passkey.get(await ask(PROVE, eve.token)))).toBe('passkey_refused');
  expect(await ada.prove(ada.passkey.get(await ask(SIGN_IN)))).toBe('passkey_refused');
  expect(await ada.prove(ada.passkey.get(await ask(ADD, ada.token)))).toBe('passkey_refused');
});

test('a passkey is made for whoever was asked for one, and for nothing else that was asked', async () => {
  const [ada, eve] = [await holder(), await holder()];
  for (const options of [await ask(ADD, eve.token), await ask(PROVE, ada.token), await ask(SIGN_IN)])
    expect(await add(ada.token, softAuthenticator().create(options))).toBe(401);
  expect((await world.call('GET', '/mfa/passkeys', { token: ada.token })).json().passkeys).toHaveLength(1);
});

test('a passkey that says it may be copied, where it said that it may not, is another key (Web Authentication §6.1.3)', async () => {
  const ada = await holder();
  await world.deps.db.run(sql`
    update factors set credential = credential || '{"device_type": "multiDevice"}' where id = ${ada.id}::uuid`);
  expect(await ada.prove(ada.passkey.get(await ask(PROVE, ada.token)))).toBe('passkey_refused');
});

test('of several passkeys that are added at once none is one too many', async () => {
  const ada = await holder();
  await world.deps.db.run(sql`
    insert into factors (id, user_id, kind, name, credential, created_at, confirmed_at)
    select gen_random_uuid(), user_id, kind, name, credential || jsonb_build_object('id', 'key' || n), created_at, confirmed_at
    from factors, generate_series(101, 118) n where id = ${ada.id}::uuid`);
  const options = [await ask(ADD, ada.token), await ask(ADD, ada.token), await ask(ADD, ada.token)];
  const answers = options.map(each => add(ada.token, softAuthenticator().create(each)));
  expect((await Promise.all(answers)).toSorted((a, b) => a - b)).toEqual([201, 409, 409]);
});

test('a counter that has not gone up is that of a copy, unless the passkey counts nothing (Web Authentication §6.1.1)', async () => {
  const { id } = await holder();
  const { clock, db } = world.deps;
  const use = (counter: number) => countUse(db, { id, counter, backedUp: false, now: clock.now() });
  for (const counter of [0, 0, 5]) expect(await use(counter)).toBe(true);
  for (const counter of [5, 4, 0]) expect(await use(counter)).toBe(false);
  expect((await Promise.all([use(6), use(6)])).filter(Boolean)).toHaveLength(1);
});

const withoutPassword = (id: string) =>
  world.deps.db.run(sql`
    delete from passwords p using factors f where f.id = ${id}::uuid and p.user_id = f.user_id`);
const link = (id: string) =>
  world.deps.db.run(sql`
    insert into identities (issuer, subject, user_id, provider, created_at)
    select 'https://issuer.example', id, user_id, 'google', created_at from factors where id = ${id}::uuid`);

test('the last passkey may go where an account at a provider lets its owner in', async () => {
  const { id, token } = await holder();
  await withoutPassword(id);
  const remove = async () => (await world.call('DELETE', `/mfa/passkeys/${id}`, { token })).statusCode;
  expect(await remove()).toBe(409);
  await link(id);
  expect(await remove()).toBe(204);
});

test('a passkey that is removed while it answers was not copied', async () => {
  const ada = await holder();
  const { db, hooks } = watchedDatabase(world.deps.databaseUrl);
  try {
    const response = ada.passkey.get(await ask(SIGN_IN)) as unknown as AssertionResponse;
    const after = () => world.call('DELETE', `/mfa/passkeys/${ada.id}`, { token: ada.token });
    hooks.push({ text: "kind = 'passkey' and credential ->> 'id'", after });
    const caller = { requestId: 'removed', ip: '192.0.2.1', userAgent: '' };
    const signIn = { for: 'sign-in', userId: null } as const;
    expect(await provePasskey({ ...world.deps, db }, caller, signIn, response)).toBeNull();
    expect(hooks).toEqual([]);
    const copied = sql`select from audit_events where type = 'passkey.cloned' and data ->> 'passkey' = ${ada.id}`;
    expect(await db.rows(copied)).toEqual([]);
  } finally {
    await db.close();
  }
});

/** What unlinking the first of the accounts at a provider is answered. */
async function unlink(token: string) {
  const [identity] = (await world.call('GET', '/users/me/identities', { token })).json();
  const answer = await world.call('DELETE', `/users/me/identities/${identity.id}`, { token });
  return answer.statusCode === 204 ? 'unlinked' : answer.json().code;
}

test('and the last account at a provider where a passkey does', async () => {
  const { id, token } = await holder();
  await withoutPassword(id);
  await link(id);
  expect(await unlink(token)).toBe('unlinked');
});

test('or another account at the same provider; but not where only an authenticator app is left, which lets nobody in', async () => {
  const { id, token } = await holder();
  await addTotp(world, token);
  await withoutPassword(id);
  await link(id);
  await world.deps.db.run(sql`
    insert into identities (issuer, subject, user_id, provider, created_at)
    select issuer, subject || ' of another', user_id, provider, created_at from identities where subject = ${id}`);
  expect((await world.call('DELETE', `/mfa/passkeys/${id}`, { token })).statusCode).toBe(204);
  expect([await unlink(token), await unlink(token)]).toEqual(['unlinked', 'last_way_in']);
});

test('a factor of another kind is neither renamed nor removed as a passkey, nor is the passkey of another', async () => {
  const [ada, eve] = [await holder(), await holder()];
  await addTotp(world, ada.token);
  const { factors } = (await world.call('GET', '/mfa', { token: ada.token })).json();
  const app = factors.find(({ kind }: { kind: string }) => kind === 'totp');
  for (const id of [app.id, eve.id]) {
    const url = `/mfa/passkeys/${id}`;
    for (const answer of [
      await world.call('PATCH', url, { token: ada.token, body: { name: 'Mine' } }),
      await world.call('DELETE', url, { token: ada.token }),
    ])
      expect([answer.statusCode, answer.json().code]).toEqual([404, 'factor_not_found']);
  }
  expect((await world.call('GET', '/mfa', { token: ada.token })).json().factors).toEqual(factors);
  const { passkeys } = (await world.call('GET', '/mfa/passkeys', { token: eve.token })).json();
  expect(passkeys).toEqual([expect.objectContaining({ id: eve.id, name: 'Key' })]);
});
