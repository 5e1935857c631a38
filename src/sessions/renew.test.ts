import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, member, PASSWORD, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { numericDate } from '../platform/clock.ts';
import { authenticate } from './authenticate.ts';
import type { UserPrincipal } from './principal.ts';
import { renewSession } from './renew.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const caller = { requestId: 'renewed', ip: '127.0.0.1', userAgent: 'test' };
const principalOf = async (token: string) =>
  (await authenticate(service.deps, token, caller, { access: 'user', recent: false })) as UserPrincipal;

test('who proves again who they are has a fresh auth_time, also after a refresh, and each way of proof once', async () => {
  const ada = await person(service);
  const tokens = await logIn(service, ada);
  const { keys, clock } = service.deps;
  clock.advance(300);
  const body = { password: PASSWORD };
  const again = await service.call('POST', '/token/reauthenticate', { token: tokens.access_token, body });
  const fresh = { auth_time: numericDate(clock.now()), amr: ['pwd'] };
  expect(keys.verify(again.json().access_token)).toMatchObject(fresh);
  const more = await renewSession(service.deps, await principalOf(tokens.access_token), ['otp', 'mfa']);
  clock.advance(300);
  const { refresh_token } = more;
  const refreshed = await service.call('POST', '/refresh-token', { body: { refresh_token } });
  expect(keys.verify(refreshed.json().access_token)).toMatchObject({ ...fresh, amr: ['mfa', 'otp', 'pwd'] });
});

test('a former token of a session that was proven with a second factor since is told what it may do now', async () => {
  const { call } = service;
  const { access_token: admin } = await logIn(service, await person(service, { roles: ['admin'] }));
  const role = { name: 'auditor', permissions: ['audit:read'], mfa_required: true };
  await call('POST', '/roles', { token: admin, body: role });
  const { who, token } = await member(service, { roles: ['auditor'] });
  const { code } = await addTotp(service, token);
  const told = async () => {
    const { permissions } = (await call('GET', '/users/me/permissions', { token })).json();
    return [permissions, (await call('GET', `/audit-events?user_id=${who.id}`, { token })).statusCode];
  };
  expect(await told()).toEqual([[], 403]);
  service.deps.clock.advance(30);
  await call('POST', '/token/reauthenticate', { token, body: { factor: 'totp', code: code() } });
  expect(await told()).toEqual([['audit:read'], 200]);
});

test('a session that ended while its owner proved again who they are gives no tokens', async () => {
  const { access_token: token } = await logIn(service, await person(service));
  const principal = await principalOf(token);
  await service.call('POST', '/logout', { token });
  await expect(renewSession(service.deps, principal, ['pwd'])).rejects.toMatchObject({
    code: 'token_revoked',
  });
});

test('a right password that proves a session again forgives the wrong ones before it', async () => {
  const ada = await person(service);
  const { access_token: token } = await logIn(service, ada);
  const prove = async (password: string) =>
    (await service.call('POST', '/token/reauthenticate', { token, body: { password } })).statusCode;
  for (let times = 0; times < 2; times++) {
    for (let turn = 0; turn < 4; turn++) expect(await prove('wrong')).toBe(401);
    expect(await prove(ada.password)).toBe(200);
  }
});
