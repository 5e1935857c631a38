import { TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { confirmTotp } from '../../src/mfa/totp.ts';
import { authenticate } from '../../src/sessions/authenticate.ts';
import type { UserPrincipal } from '../../src/sessions/principal.ts';
import { lockoutsOf } from '../../src/throttle/lockout.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { member } from '../support/people.ts';
import { watchedDatabase } from '../support/watched-database.ts';

// One person's requests that come twice, or several at once: a double click, two tabs, a client that asks again.

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

test('a right code that comes twice sets the app up once, and the second one counts as no failure', async () => {
  const { deps, call } = service;
  const { who, token } = await member(service);
  const { secret } = (await call('POST', '/mfa/totp', { token })).json();
  const code = new TOTP({ secret }).generate({ timestamp: deps.clock.now().getTime() });
  const needs = { access: 'user', recent: false } as const;
  const caller = { requestId: 'second', ip: '127.0.0.1', userAgent: 'test' };
  const principal = (await authenticate(deps, token, caller, needs)) as UserPrincipal;

  const { db, hooks } = watchedDatabase(deps.databaseUrl);
  const first = async () => {
    expect((await call('POST', '/mfa/totp/confirm', { token, body: { code } })).statusCode).toBe(200);
  };
  hooks.push({ text: 'insert into lockouts', before: first });
  await expect(confirmTotp({ ...deps, db }, principal, code)).rejects.toThrow(
    expect.objectContaining({ code: 'factor_exists' }),
  );
  await db.close();
  expect(hooks).toEqual([]);
  expect(await lockoutsOf(deps.db, who.id)).toEqual([]);
});
