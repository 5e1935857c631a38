import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, PASSWORD, person } from '../../test/support/people.ts';
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
