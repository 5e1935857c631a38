// http-api.md **Federation**, the way that goes well; what is refused is in refusals/federation.ts.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectProblem } from '../support/contract.ts';
import { type LyingProvider, lyingProvider } from '../support/lying-provider.ts';
import { begin, CLIENT, challengeOf, comeBack } from '../support/sign-in-flow.ts';

let provider: LyingProvider;
let world: TestApp;
beforeAll(async () => {
  provider = await lyingProvider();
  world = await contractApp({ oidcProviders: [provider.entry()], redirectUris: [CLIENT] });
  // The provider's clock is the machine's.
  world.deps.clock.set(new Date());
});
afterAll(async () => {
  await world.close();
  await provider.close();
});

test('the providers are listed with id and name', async () => {
  const answer = await world.call('GET', '/oauth/providers');
  expect([answer.statusCode, answer.json()]).toEqual([200, [{ id: 'liar', name: 'Liar' }]]);
});

test('302 to the provider with code flow, PKCE, state and nonce; 302 back with a code; 200 Token for it, once', async () => {
  const begun = await begin(world, 'liar');
  expect(begun.location.origin + begun.location.pathname).toBe(`${provider.issuer}/authorize`);
  expect(Object.fromEntries(begun.location.searchParams)).toMatchObject({
    response_type: 'code',
    client_id: 'client-1',
    redirect_uri: 'http://localhost:8000/oauth/liar/callback',
    scope: expect.stringContaining('openid'),
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
  });
  // The provider is sent a challenge of ours: the client's own verifier never leaves the client.
  expect(begun.location.searchParams.get('code_challenge')).not.toBe(challengeOf(begun.verifier));

  const answer = { state: begun.state, iss: provider.issuer, code: provider.codeFor(begun.nonce) };
  const back = await comeBack(world, 'liar', answer, begun.cookie);
  expect(back.statusCode).toBe(302);
  const location = new URL(back.headers.location as string);
  expect(location.href.startsWith(`${CLIENT}&`)).toBe(true);
  expect(location.searchParams.get('state')).toBe('of the client');

  const body = { code: location.searchParams.get('code'), code_verifier: begun.verifier };
  const exchanged = await world.call('POST', '/oauth/exchange', { body });
  expect(exchanged.json()).toMatchObject({
    access_token: expect.any(String),
    token_type: 'bearer',
    expires_in: 1800,
    expires_at: expect.stringMatching(/Z$/),
    refresh_token: expect.stringMatching(/^[\w-]+$/),
  });
  const { access_token: token } = exchanged.json();
  expect(world.deps.keys.verify(token)).toHaveProperty('amr', ['fed']);
  expect((await world.call('GET', '/users/me', { token })).json()).toMatchObject({
    email: 'liar@example.com',
    email_verified: true,
  });
  expectProblem(await world.call('POST', '/oauth/exchange', { body }), 'invalid_authorization_code');
});

test('an answer of the provider is taken from the browser that began alone', async () => {
  const [mine, theirs] = [await begin(world, 'liar'), await begin(world, 'liar')];
  const answer = { state: mine.state, iss: provider.issuer, code: provider.codeFor(mine.nonce) };
  expectProblem(await comeBack(world, 'liar', answer, theirs.cookie), 'invalid_sign_in');
});
