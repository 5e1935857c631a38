import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type LyingProvider, lyingProvider } from '../../test/support/lying-provider.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { member } from '../../test/support/people.ts';
import {
  begin,
  CLIENT,
  challengeOf,
  comeBack,
  pathIn,
  readRedirect,
  told,
} from '../../test/support/sign-in-flow.ts';

let provider: LyingProvider;
let world: TestApp;
beforeAll(async () => {
  provider = await lyingProvider();
  world = await testApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
});
// The provider's clock is the machine's.
beforeEach(() => world.deps.clock.set(new Date()));
afterAll(async () => {
  await world.close();
  await provider.close();
});

const answerTo = (nonce: string) => ({ iss: provider.issuer, code: provider.codeFor(nonce) });

test('an answer with two states is an answer to none, and spends neither', async () => {
  const { state, nonce, cookie } = await begin(world, 'liar');
  const twice = new URLSearchParams([['state', state], ['state', 'x'], ...Object.entries(answerTo(nonce))]);
  const answer = await world.call('GET', `/oauth/liar/callback?${twice.toString()}`, { headers: { cookie } });
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_sign_in']);
  const once = await comeBack(world, 'liar', { state, ...answerTo(nonce) }, cookie);
  expect(told(once)).toEqual({ from: 'here', state: 'of the client', code: expect.any(String) });
});

test('an identity that its owner links again stays linked, and its owner is told once', async () => {
  const { who, token } = await member(world);
  const verifier = 'v'.repeat(43);
  const link = async () => {
    const body = { redirect_uri: CLIENT, code_challenge: challengeOf(verifier) };
    const ticket = await world.call('POST', '/users/me/identities/liar', { token, body });
    const { state, nonce, cookie } = readRedirect(await world.call('GET', pathIn(ticket)));
    const { code } = told(await comeBack(world, 'liar', { state, ...answerTo(nonce) }, cookie));
    const proof = { code, code_verifier: verifier };
    const linked = await world.call('POST', '/users/me/identities', { token, body: proof });
    expect(linked.statusCode, linked.body).toBe(201);
    return linked.json();
  };
  expect(await link()).toEqual(await link());
  expect((await world.call('GET', '/users/me/identities', { token })).json()).toHaveLength(1);
  expect((await mailsTo(world, who.email)).map(({ template }) => template)).toEqual(['identity-linked']);
});
