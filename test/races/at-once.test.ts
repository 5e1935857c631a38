import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Account } from '../../src/accounts/account.ts';
import { findAccountById, lockAccount } from '../../src/accounts/find.ts';
import { setPasswordOf } from '../../src/admin/set-password.ts';
import { removeFactor } from '../../src/mfa/enrolment.ts';
import { newRecoveryCodes } from '../../src/mfa/recovery-codes.ts';
import { confirmTotp } from '../../src/mfa/totp.ts';
import { sql } from '../../src/platform/sql.ts';
import { operatorGranter } from '../../src/rbac/operator.ts';
import { authenticate } from '../../src/sessions/authenticate.ts';
import type { UserPrincipal } from '../../src/sessions/principal.ts';
import { lockoutsOf } from '../../src/throttle/lockout.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, member, type Person, person } from '../support/people.ts';
import { beginTotp } from '../support/totp.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';
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
  const code = (await beginTotp(service, token))();
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

const loginFrom = (who: Person, userAgent: string) =>
  service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
    headers: { 'user-agent': userAgent },
  });

async function newDevices({ email }: Person): Promise<string[]> {
  const mails = (await mailsTo(service, email)).filter(({ template }) => template === 'new-device');
  return mails.map(({ params }) => String(params.userAgent));
}

test('of several logins at once on a device that is new, the owner is told once', async () => {
  const { deps, call } = service;
  const ada = await person(service);
  await logIn(service, ada);
  const atOnce = async (...userAgents: string[]) => {
    let logins: ReturnType<typeof loginFrom>[] = [];
    await deps.db.transaction(async tx => {
      await lockAccount(tx, ada.id);
      logins = userAgents.map(userAgent => loginFrom(ada, userAgent));
      await waitingForLock(deps.db, userAgents.length);
    });
    const answers = await Promise.all(logins);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(userAgents.map(() => 200));
    return answers;
  };
  const [login] = await atOnce('Phone/1', 'Phone/1', 'Tablet/1', 'Phone/1');
  expect((await newDevices(ada)).toSorted()).toEqual(['Phone/1', 'Tablet/1']);
  await loginFrom(ada, 'Phone/1');
  expect(await newDevices(ada)).toHaveLength(2);

  // A stranger again, and so told of again, at once.
  await call('POST', '/logout/all', { token: login?.json().access_token });
  await atOnce('Phone/1', 'Phone/1');
  expect((await newDevices(ada)).toSorted()).toEqual(['Phone/1', 'Phone/1', 'Tablet/1']);
});

describe('a password that the operator sets, and was asked for while', () => {
  const setBy = async (stale: Account) => {
    const { deps } = service;
    const hash = await deps.hasher.hash('Entirely-other-7');
    return setPasswordOf(deps, await operatorGranter(deps.db), { account: stale, hash });
  };

  test('the account got another address: that one is told', async () => {
    const { deps } = service;
    const { id } = await person(service);
    const stale = (await findAccountById(deps.db, id)) as Account;
    const email = `${deps.random.uuid()}@example.com`;
    await deps.db.run(sql`update users set email = ${email} where id = ${id}::uuid`);
    await setBy(stale);
    expect((await mailsTo(service, email)).map(({ template }) => template)).toEqual(['password-changed']);
    expect(await mailsTo(service, stale.email)).toEqual([]);
  });

  test('the account was removed: there is none', async () => {
    const { deps } = service;
    const { id } = await person(service);
    const stale = (await findAccountById(deps.db, id)) as Account;
    await deps.db.run(sql`delete from users where id = ${id}::uuid`);
    await expect(setBy(stale)).rejects.toThrow(expect.objectContaining({ code: 'user_not_found' }));
  });
});

test('who changes factors while the address changes is told at the one that the account has by then', async () => {
  const { deps } = service;
  const { who, token } = await member(service);
  const code = (await beginTotp(service, token))();
  const caller = { requestId: 'held', ip: '127.0.0.1', userAgent: 'test' };
  const stale = (await authenticate(deps, token, caller, {
    access: 'user',
    recent: false,
  })) as UserPrincipal;
  const email = `${deps.random.uuid()}@example.com`;
  await deps.db.run(sql`update users set email = ${email} where id = ${who.id}::uuid`);
  await confirmTotp(deps, stale, code);
  await newRecoveryCodes(deps, stale);
  await removeFactor(deps, stale, 'totp');
  const templates = (await mailsTo(service, email)).map(({ template }) => template);
  expect(templates.toSorted()).toEqual(['factor-added', 'factor-removed', 'recovery-codes-regenerated']);
});
