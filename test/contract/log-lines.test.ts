import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { logIn, person } from '../support/people.ts';
import { CLIENT, challengeOf } from '../support/sign-in-flow.ts';

// http-api.md, Conventions: the request's id is on every log line of that request, and so on those that tell of a trouble.

let world: TestApp;
beforeAll(async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`;
  world = await testApp({
    oidcProviders: [{ id: 'away', name: 'Away', issuer: nobody, client_id: 'a', client_secret: 'b' }],
    redirectUris: [CLIENT],
    passwords: { breachCheckUrl: nobody },
  });
});
afterAll(() => world.close());

type Options = NonNullable<Parameters<TestApp['call']>[2]>;

/** The ids on the lines that this text ends, while a request with an id of its own is answered. */
async function idsLogged(said: RegExp, method: 'GET' | 'POST', url: string, options: Options = {}) {
  const spies = (['debug', 'warn', 'error'] as const).map(level => vi.spyOn(world.deps.log, level));
  await world.call(method, url, { ...options, headers: { 'x-request-id': 'the-request' } });
  const lines = spies.flatMap(spy => spy.mock.calls as unknown as [{ request_id?: string }, string][]);
  for (const spy of spies) spy.mockRestore();
  return lines.filter(([, text]) => said.test(text)).map(([{ request_id }]) => request_id);
}

test('a provider that cannot be reached, and a breach check without an answer', async () => {
  const query = new URLSearchParams({ redirect_uri: CLIENT, code_challenge: challengeOf('v'.repeat(43)) });
  expect(
    await idsLogged(/provider cannot be used/, 'GET', `/oauth/away/authorize?${query.toString()}`),
  ).toEqual(['the-request']);
  const body = { password: 'eleven Purple teapots, 1843' };
  expect(await idsLogged(/breach check failed/, 'POST', '/password/check', { body })).toEqual([
    'the-request',
  ]);
});

test('a stored hash that nothing can compute', async () => {
  const { email, id } = await person(world);
  await world.deps.db.run(sql`update passwords set hash = '$1$old$md5' where user_id = ${id}::uuid`);
  const form = { username: email, password: 'whatever-1' };
  expect(await idsLogged(/unknown kind/, 'POST', '/token', { form })).toEqual(['the-request']);
});

test('a passkey that makes no sense', async () => {
  const { access_token: token } = await logIn(world, await person(world));
  const { options } = (await world.call('POST', '/mfa/passkeys/options', { token })).json();
  const { challenge } = options;
  const clientDataJSON = Buffer.from(JSON.stringify({ challenge })).toString('base64url');
  const response = { id: 'AA', rawId: 'AA', type: 'public-key' };
  const body = {
    name: 'Mine',
    response: { ...response, response: { clientDataJSON, attestationObject: 'AA' } },
  };
  expect(await idsLogged(/passkey was refused/, 'POST', '/mfa/passkeys', { token, body })).toEqual([
    'the-request',
  ]);
});
