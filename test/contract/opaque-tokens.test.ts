// A client may send anything where a token of ours belongs: the JWT of another slot most of all. That is a wrong token.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TOKEN_MAX } from '../../src/platform/http/opaque-token.ts';
import type { ProblemCode } from '../../src/platform/problems.ts';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { lyingProvider } from '../support/lying-provider.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, PASSWORD, type Person, person } from '../support/people.ts';
import { CLIENT } from '../support/sign-in-flow.ts';

let provider: Awaited<ReturnType<typeof lyingProvider>>;
let world: TestApp;
let ada: Person;
let jwt: string;
beforeAll(async () => {
  provider = await lyingProvider();
  world = await contractApp({
    oidcProviders: [provider.entry()],
    redirectUris: [CLIENT],
    sms: { webhook: { url: 'http://127.0.0.1:9/', secret: 'sixteen bytes or more' } },
    signInByMail: true,
  });
  ada = await person(world);
  jwt = (await logIn(world, ada)).access_token;
});
afterAll(async () => {
  await world.close();
  await provider.close();
});

const email = 'nobody@example.com';
const credential = {
  id: 'x',
  rawId: 'x',
  type: 'public-key',
  response: { clientDataJSON: 'x', attestationObject: 'x', authenticatorData: 'x', signature: 'x' },
};
const passwords = { new_password: PASSWORD, confirm_new_password: PASSWORD };
const signup = { password: PASSWORD, confirm_password: PASSWORD };
const proof = { code_verifier: 'v'.repeat(43) };
const guest = { first_name: 'Grace', last_name: 'Hopper', ...signup };

type Slot = readonly [route: string, member: string, refusal: ProblemCode, rest?: object];
const slots: readonly Slot[] = [
  ['/password-reset/confirm', 'token', 'invalid_reset_token', passwords],
  ['/password/remove', 'token', 'invalid_link'],
  ['/email-change/undo', 'token', 'invalid_verification_token'],
  ['/invitations/accept', 'token', 'invitation_invalid', guest],
  ['/signup/set-password', 'signup_token', 'signup_not_found', { email, ...signup }],
  ['/signup/passkey/options', 'signup_token', 'signup_not_found', { email }],
  ['/signup/passkey', 'signup_token', 'signup_not_found', { email, name: 'x', response: credential }],
  ['/token/mfa', 'mfa_token', 'invalid_mfa_token', { factor: 'totp', code: '123456' }],
  ['/token/mfa/sms', 'mfa_token', 'invalid_mfa_token'],
  ['/token/mfa/passkey/options', 'mfa_token', 'invalid_mfa_token'],
  ['/token/mfa/passkey', 'mfa_token', 'invalid_mfa_token', { response: credential }],
  ['/token/email/verify', 'request_token', 'invalid_sign_in_code', { code: '123456' }],
  ['/token/email/verify', 'token', 'invalid_sign_in_code', { request_token: 'x' }],
  ['/token/email/verify', 'device_token', 'invalid_sign_in_code', { request_token: 'x', code: '123456' }],
  ['/token/passkey', 'device_token', 'passkey_refused', { response: credential }],
  ['/token', 'device_token', 'invalid_credentials', { username: email, password: 'x' }],
  [
    '/token',
    'client_secret',
    'invalid_client',
    { grant_type: 'client_credentials', client_id: crypto.randomUUID() },
  ],
  ['/introspect', 'client_secret', 'invalid_client', { token: 'x', client_id: crypto.randomUUID() }],
  ['/refresh-token', 'refresh_token', 'invalid_refresh_token'],
  ['/refresh-token', 'token', 'invalid_refresh_token'],
  ['/oauth/exchange', 'code', 'invalid_authorization_code', proof],
  ['/oauth/exchange', 'device_token', 'invalid_authorization_code', { code: 'x', ...proof }],
  ['/oauth/liar/id-token', 'device_token', 'invalid_id_token', { token: 'x' }],
];

for (const [route, member, refusal, rest] of slots)
  test(`POST ${route} takes whatever comes as ${member}: ${refusal}`, async () => {
    const send = (text: string) => world.call('POST', route, { body: { ...rest, [member]: text } });
    for (const text of [jwt, `${jwt}${jwt}`, 'é'.repeat(TOKEN_MAX), '\u202e \n"'])
      expectProblem(await send(text), refusal);
    const tooLong = await send('x'.repeat(TOKEN_MAX + 1));
    // Who asks is judged before what is asked.
    if (route === '/introspect') expectProblem(tooLong, refusal);
    else expectIssues(tooLong, `body.${member} string_too_long`);
  });

test('who links a provider may send any code, and whoever follows a ticket any ticket', async () => {
  const link = await world.call('POST', '/users/me/identities', {
    token: jwt,
    body: { code: jwt, ...proof },
  });
  expectProblem(link, 'invalid_authorization_code');
  const query = new URLSearchParams({
    redirect_uri: CLIENT,
    code_challenge: 'a'.repeat(43),
    link_ticket: jwt,
  });
  expectProblem(await world.call('GET', `/oauth/liar/authorize?${query.toString()}`), 'invalid_link');
});

test('a provider that posts a long state is led on to where it is refused', async () => {
  const led = await world.call('POST', '/oauth/liar/callback', { form: { state: jwt, code: jwt } });
  expect(led.statusCode).toBe(303);
  expectProblem(await world.call('GET', String(led.headers.location)), 'invalid_sign_in');
});

test('null where a token may be left out is none', async () => {
  const refresh = (body: object) => world.call('POST', '/refresh-token', { body });
  for (const nothing of [null, ''])
    for (const body of [
      { refresh_token: nothing },
      { token: nothing },
      { refresh_token: nothing, token: nothing },
    ])
      expectProblem(await refresh(body), 'refresh_token_required');
  const { refresh_token } = await logIn(world, ada);
  const renewed = await refresh({ refresh_token: null, token: refresh_token });
  expect(renewed.statusCode).toBe(200);

  const login = { username: ada.email, password: ada.password, device_token: null };
  expect((await world.call('POST', '/token', { body: login })).statusCode).toBe(200);
  const asked = await world.call('POST', '/token/email', { body: { email: ada.email } });
  const cookie = String(asked.headers['set-cookie']).split(';')[0] as string;
  const { code } = (await mailsTo(world, ada.email)).at(-1)?.secrets ?? {};
  const answer = { request_token: null, token: null, device_token: null, code };
  const byLink = { ...answer, code: null, token: 'x' };
  expectProblem(await world.call('POST', '/token/email/verify', { body: byLink }), 'invalid_sign_in_code');
  const mailed = await world.call('POST', '/token/email/verify', { body: answer, headers: { cookie } });
  expect(mailed.statusCode, mailed.body).toBe(200);
});

test('null is nothing in any other member that may be left out, where it could mean nothing else', async () => {
  const post = (url: string, body: object, token?: string) => world.call('POST', url, { body, token });
  const name = { username: ada.email, password: ada.password };
  const none = { grant_type: null, client_id: null, client_secret: null, scope: null };
  const login = await post('/token', { ...name, ...none });
  expect(login.statusCode, login.body).toBe(200);
  expectIssues(await post('/token', { username: null }), 'body.username missing', 'body.password missing');

  const again = await post(
    '/token/reauthenticate',
    { password: ada.password, factor: null, code: null },
    login.json().access_token,
  );
  expect(again.statusCode, again.body).toBe(200);
  const { access_token: admin } = await logIn(world, await person(world, { roles: ['admin'] }));
  const factor = { password: null, factor: 'totp', code: null };
  expectIssues(await post('/token/reauthenticate', factor, admin), 'body.code missing');

  const client = (
    await post('/clients', { name: 'nothing', permissions: ['tokens:introspect'] }, admin)
  ).json();
  const credentials = { client_id: client.id, client_secret: client.secret };
  const grant = { grant_type: 'client_credentials', username: null, password: null };
  expect((await post('/token', { ...grant, ...credentials })).statusCode).toBe(200);
  for (const url of ['/introspect', '/revoke'])
    expect((await post(url, { token: 'x', token_type_hint: null, ...credentials })).statusCode).toBe(200);

  const made = { email: 'none@example.com', first_name: 'N', last_name: 'One' };
  const nothing = { username: null, full_name: null, phone_number: null, roles: null };
  expect((await post('/users', { ...made, ...nothing }, admin)).json()).toMatchObject({
    username: 'none@example.com',
    full_name: 'N One',
    roles: ['user'],
  });
  expect((await post('/invitations', { email, roles: null }, admin)).json().roles).toEqual(['user']);
  expectProblem(await post('/oauth/liar/id-token', { token: 'x', nonce: null }), 'invalid_id_token');
});

test('the access token of somebody with many permissions is as wrong as any other', async () => {
  const root = await person(world, { roles: ['admin'] });
  const { access_token: token } = await logIn(world, root);
  for (let made = 0; made < 100; made++) {
    const body = { name: `${'application'.repeat(4)}${made}:administer`, description: 'x' };
    expect((await world.call('POST', '/permissions', { token, body })).statusCode).toBe(201);
  }
  const { access_token: long } = await logIn(world, root);
  expect((await world.call('GET', '/users/me', { token: long })).statusCode).toBe(200);
  const post = (url: string, body: object) => world.call('POST', url, { body });
  expectProblem(await post('/refresh-token', { refresh_token: long }), 'invalid_refresh_token');
  expectProblem(await post(`/refresh-token?token=${long}`, {}), 'invalid_refresh_token');
  const reset = { token: long, ...passwords };
  expectProblem(await post('/password-reset/confirm', reset), 'invalid_reset_token');
  expectProblem(await world.call('POST', `/verify-email/${long}`), 'invalid_verification_token');
});

test('a path takes as long a token as a body', async () => {
  for (const text of [jwt, 'x'.repeat(TOKEN_MAX)])
    expectProblem(await world.call('POST', `/verify-email/${text}`), 'invalid_verification_token');
});
