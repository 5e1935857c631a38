// http-api.md **Tokens**: what an access token is refused for, with everything else about it right.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectProblem, type Judge } from '../support/contract.ts';
import { testConfig } from '../support/deps.ts';
import { logIn, type Person, person } from '../support/people.ts';

let world: TestApp & { judge: Judge };
let who: Person;
let genuine: string;
beforeAll(async () => {
  world = await contractApp();
  who = await person(world);
  genuine = (await logIn(world, who)).access_token;
});
afterAll(() => world.close());

const partOf = (token: string, index: 0 | 1) =>
  JSON.parse(Buffer.from(token.split('.')[index] as string, 'base64url').toString());
const me = (token: string) => world.call('GET', '/users/me', { token });

/** The genuine token with other members, signed with the true key; undefined leaves one out. */
function forge(claims: object, header: object = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ ...partOf(genuine, 0), ...header })}.${encode({ ...partOf(genuine, 1), ...claims })}`;
  const mac = createHmac('sha256', testConfig.tokens.jwtSecret ?? '').update(signed);
  return `${signed}.${mac.digest('base64url')}`;
}
const seconds = () => world.deps.clock.now().getTime() / 1000;

test('the same members signed again are good, so what follows is refused for what it changes', async () => {
  expect((await me(forge({}))).statusCode).toBe(200);
});

test.each([
  ['iss', { iss: 'https://evil.example' }],
  ['iss, left out', { iss: undefined }],
  ['aud', { aud: 'another service' }],
  ['aud, left out', { aud: undefined }],
  ['exp, left out', { exp: undefined }],
  ['exp, as text', { exp: '9999999999' }],
  ['sid, of nobody', { sid: '019300f4-6f00-7000-8000-000000000001' }],
  ['sid, left out', { sid: undefined }],
  ['sub, of another person', { sub: '019300f4-6f00-7000-8000-000000000001' }],
  ['sub, left out', { sub: undefined }],
  ['jti, left out', { jti: undefined }],
])('%s', async (_name, claims) => {
  const answer = await me(forge(claims));
  expect(answer.statusCode, answer.body).toBe(401);
});

test('nbf of the future, exp of the past', async () => {
  expectProblem(await me(forge({ nbf: seconds() + 3600 })), 'invalid_token');
  expectProblem(await me(forge({ exp: seconds() - 1 })), 'token_expired');
});

test.each([
  ['typ JWT', { typ: 'JWT' }],
  ['no typ', { typ: undefined }],
  ['typ of a refresh token', { typ: 'rt+jwt' }],
  ['alg HS384', { alg: 'HS384' }],
  ['alg none', { alg: 'none' }],
  ['a critical extension that nobody knows (RFC 7515 §4.1.11)', { crit: ['exp'] }],
])('%s', async (_name, header) => {
  expectProblem(await me(forge({}, header)), 'invalid_token');
});

test('roles and permissions in a token give nothing: the database decides', async () => {
  const token = forge({ roles: ['admin'], permissions: ['users:read'] });
  expectProblem(await world.call('GET', '/users', { token }), 'permission_denied');
  expect((await me(token)).json().roles).toEqual(['user']);
});

test('its jti revoked, its sid revoked, its user disabled or gone: at once', async () => {
  const boss = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
  const act = (method: 'PATCH' | 'DELETE' | 'POST', url: string, body?: object) =>
    world.call(method, url, { token: boss, ...(body !== undefined && { body }) });
  const body = { name: 'revoker', permissions: ['sessions:revoke'] };
  const { id, secret } = (await act('POST', '/clients', body)).json();
  const headers = { authorization: `Basic ${btoa(`${id}:${secret}`)}` };
  const member = async () => {
    const found = await person(world);
    return { id: found.id, token: (await logIn(world, found)).access_token };
  };
  const [revoked, ended, disabled, gone] = [await member(), await member(), await member(), await member()];
  await world.call('POST', '/revoke', { form: { token: revoked.token }, headers });
  expectProblem(await me(revoked.token), 'token_revoked');
  await act('POST', `/users/${ended.id}/logout`);
  expectProblem(await me(ended.token), 'token_revoked');
  await act('PATCH', `/users/${disabled.id}`, { disabled: true });
  expectProblem(await me(disabled.token), 'token_revoked');
  await act('DELETE', `/users/${gone.id}`);
  expectProblem(await me(gone.token), 'invalid_token');
});
