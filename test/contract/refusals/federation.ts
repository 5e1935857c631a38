import type { LightMyRequestResponse } from 'fastify';
import { sql } from '../../../src/platform/sql.ts';
import { member, person } from '../../support/people.ts';
import { begin, CLIENT, challengeOf, comeBack, readRedirect, told } from '../../support/sign-in-flow.ts';
import { fresh, NOBODY, type Recipe, type Recipes, type Stage, type World, withTotp } from './stage.ts';

const subject = () => ({ sub: fresh('sub'), email: `${fresh('fed')}@example.com` });

type Way = (world: World, stage: Stage, claims: Record<string, unknown>) => Promise<LightMyRequestResponse>;

const byGoogle: Way = async (world, { provider }, claims) =>
  world.call('POST', '/signup/google', { body: { token: await provider.idToken(claims) } });
const byIdToken: Way = async (world, { provider }, claims) =>
  world.call('POST', '/oauth/liar/id-token', { body: { token: await provider.idToken(claims) } });

async function codeFor(
  world: World,
  { provider }: Stage,
  claims: Record<string, unknown>,
  begun: Awaited<ReturnType<typeof begin>>,
): Promise<{ code: string | undefined; code_verifier: string }> {
  provider.lie({ claims });
  const answer = { state: begun.state, iss: provider.issuer, code: provider.codeFor(begun.nonce) };
  const { code } = told(await comeBack(world, 'liar', answer, begun.cookie));
  provider.lie({});
  return { code, code_verifier: begun.verifier };
}
const byCode: Way = async (world, stage, claims) =>
  world.call('POST', '/oauth/exchange', {
    body: await codeFor(world, stage, claims, await begin(world, 'liar')),
  });

/** Somebody who signed in with the provider before. */
async function known(world: World, stage: Stage, way: Way) {
  const claims = subject();
  const { id } = (
    await world.call('GET', '/users/me', { token: (await way(world, stage, claims)).json().access_token })
  ).json();
  return { claims, id: id as string };
}

/** What a sign-in that a provider vouched for may meet, whichever way it came. */
const standing = (route: string, way: Way): Recipes => ({
  [`${route} account_disabled`]: async stage => {
    const { world } = stage;
    const { claims, id } = await known(world, stage, way);
    await world.deps.db.run(sql`update users set disabled_at = now() where id = ${id}::uuid`);
    return way(world, stage, claims);
  },
  [`${route} identity_linking_refused`]: stage =>
    way(stage.world, stage, { ...subject(), email_verified: false }),
  [`${route} address_taken`]: async stage => {
    const email = `${fresh('ai')}@example.com`;
    await person(stage.world, { email });
    return way(stage.world, stage, { ...subject(), email: email.replace('ai', 'a\u0131') });
  },
  // Linked while REQUIRE_VERIFIED_EMAIL was off.
  [`${route} email_not_verified`]: async stage => {
    const world = await stage.at({ requireVerifiedEmail: true });
    const { claims, id } = await known(world, stage, way);
    await world.deps.db.run(sql`update users set email_verified_at = null where id = ${id}::uuid`);
    return way(world, stage, claims);
  },
  [`${route} mfa_required`]: async stage => {
    const { who } = await withTotp(stage.world);
    return way(stage.world, stage, { ...subject(), email: who.email });
  },
});

const authorize = (
  world: World,
  provider: string,
  redirect_uri: string,
  more: Record<string, string> = {},
) => {
  const query = new URLSearchParams({ redirect_uri, code_challenge: 'a'.repeat(43), ...more });
  return world.call('GET', `/oauth/${provider}/authorize?${query.toString()}`);
};
const ask =
  (provider: string, redirect_uri: string): Recipe =>
  async ({ world }) =>
    world.call('POST', `/users/me/identities/${provider}`, {
      token: (await member(world)).token,
      body: { redirect_uri, code_challenge: 'a'.repeat(43) },
    });

export const federation: Recipes = {
  ...standing('POST /signup/google', byGoogle),
  // One that Google did not verify makes the token invalid.
  'POST /signup/google identity_linking_refused': stage =>
    byGoogle(stage.world, stage, { ...subject(), email: 'ada@localhost' }),
  'POST /signup/google invalid_google_token': ({ world }) =>
    world.call('POST', '/signup/google', { body: { token: 'x' } }),
  'POST /signup/google feature_disabled': async ({ at }) =>
    (await at({ google: { clientIds: [] } })).call('POST', '/signup/google', { body: { token: 'x' } }),
  'POST /signup/google provider_unavailable': async stage => {
    const google = { clientIds: ['client-1'], issuer: 'http://127.0.0.1:9' };
    return byGoogle(await stage.at({ google }), stage, { iss: google.issuer });
  },

  ...standing('POST /oauth/{provider}/id-token', byIdToken),
  'POST /oauth/{provider}/id-token invalid_id_token': ({ world }) =>
    world.call('POST', '/oauth/liar/id-token', { body: { token: 'x' } }),
  'POST /oauth/{provider}/id-token provider_account_refused': async ({ world, provider }) =>
    world.call('POST', '/oauth/closed/id-token', { body: { token: await provider.idToken(subject()) } }),
  'POST /oauth/{provider}/id-token provider_not_found': ({ world }) =>
    world.call('POST', '/oauth/nonesuch/id-token', { body: { token: 'x' } }),
  'POST /oauth/{provider}/id-token feature_disabled': ({ world }) =>
    world.call('POST', '/oauth/github/id-token', { body: { token: 'x' } }),
  'POST /oauth/{provider}/id-token provider_unavailable': async ({ world, provider }) =>
    world.call('POST', '/oauth/absent/id-token', { body: { token: await provider.idToken() } }),

  ...standing('POST /oauth/exchange', byCode),
  'POST /oauth/exchange invalid_authorization_code': ({ world }) =>
    world.call('POST', '/oauth/exchange', { body: { code: 'x', code_verifier: 'a'.repeat(43) } }),

  'GET /oauth/{provider}/authorize provider_not_found': ({ world }) => authorize(world, 'nonesuch', CLIENT),
  // With an id and no secret, Google takes ID tokens and sends nobody anywhere.
  'GET /oauth/{provider}/authorize feature_disabled': ({ world }) => authorize(world, 'google', CLIENT),
  'GET /oauth/{provider}/authorize redirect_not_allowed': ({ world }) =>
    authorize(world, 'liar', 'https://evil.example/'),
  'GET /oauth/{provider}/authorize invalid_link': ({ world }) =>
    authorize(world, 'liar', CLIENT, { link_ticket: 'x' }),
  'GET /oauth/{provider}/callback provider_not_found': ({ world }) =>
    world.call('GET', '/oauth/nonesuch/callback?state=x'),
  'GET /oauth/{provider}/callback feature_disabled': ({ world }) =>
    world.call('GET', '/oauth/microsoft/callback?state=x'),
  'GET /oauth/{provider}/callback invalid_sign_in': ({ world }) =>
    world.call('GET', '/oauth/liar/callback?state=x&code=y'),
  'POST /oauth/{provider}/callback provider_not_found': ({ world }) =>
    world.call('POST', '/oauth/nonesuch/callback', { form: { state: 'x' } }),

  'POST /users/me/identities/{id} provider_not_found': ask('nonesuch', CLIENT),
  'POST /oauth/{provider}/callback feature_disabled': ({ world }) =>
    world.call('POST', '/oauth/apple/callback', { form: { state: 'x' } }),
  'POST /users/me/identities/{id} feature_disabled': ask('microsoft', CLIENT),
  'POST /users/me/identities/{id} redirect_not_allowed': ask('liar', 'https://evil.example/'),
  'POST /users/me/identities invalid_authorization_code': async ({ world }) =>
    world.call('POST', '/users/me/identities', {
      token: (await member(world)).token,
      body: { code: 'x', code_verifier: 'a'.repeat(43) },
    }),
  'POST /users/me/identities identity_taken': async stage => {
    const { world } = stage;
    const { claims } = await known(world, stage, byIdToken);
    const { token } = await member(world);
    const verifier = 'v'.repeat(43);
    const asked = await world.call('POST', '/users/me/identities/liar', {
      token,
      body: { redirect_uri: CLIENT, code_challenge: challengeOf(verifier) },
    });
    const { pathname, search } = new URL(asked.json().authorize_url);
    const begun = { ...readRedirect(await world.call('GET', pathname + search)), verifier };
    return world.call('POST', '/users/me/identities', {
      token,
      body: await codeFor(world, stage, claims, begun),
    });
  },
  'DELETE /users/me/identities/{id} identity_not_found': async ({ world }) =>
    world.call('DELETE', `/users/me/identities/${NOBODY}`, { token: (await member(world)).token }),
  'DELETE /users/me/identities/{id} last_way_in': async stage => {
    const { world } = stage;
    const { access_token: token } = (await byIdToken(world, stage, subject())).json();
    const [identity] = (await world.call('GET', '/users/me/identities', { token })).json();
    return world.call('DELETE', `/users/me/identities/${identity.id}`, { token });
  },
};
