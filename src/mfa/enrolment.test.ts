import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type Member, member } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { addTotp, beginTotp } from '../../test/support/totp.ts';
import { sql } from '../platform/sql.ts';
import { lockoutsOf } from '../throttle/lockout.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const post = (url: string, { token }: Member, body?: object) => service.call('POST', url, { token, body });
const login = ({ who: { email, password } }: Member) =>
  service.call('POST', '/token', { form: { username: email, password } });

async function withTotp(): Promise<Member> {
  const ada = await member(service);
  await addTotp(service, ada.token);
  return ada;
}

async function addPasskey(ada: Member): Promise<void> {
  const { options } = (await post('/mfa/passkeys/options', ada)).json();
  const response = softAuthenticator().create(options);
  const made = await post('/mfa/passkeys', ada, { name: 'Key', response });
  expect(made.statusCode, made.body).toBe(201);
}

test('an app that waits to be confirmed is not asked for, and is worth no recovery codes', async () => {
  const ada = await member(service);
  await beginTotp(service, ada.token);
  expect((await service.call('GET', '/mfa', { token: ada.token })).json().factors).toEqual([]);
  expect((await post('/mfa/recovery-codes', ada)).json().code).toBe('factor_not_found');
  expect((await login(ada)).statusCode).toBe(200);
});

test('of several confirmations at once one is answered with codes, and those are good', async () => {
  const ada = await member(service);
  const code = (await beginTotp(service, ada.token))();
  const answers = await Promise.all([1, 2, 3].map(() => post('/mfa/totp/confirm', ada, { code })));
  const won = answers.filter(({ statusCode }) => statusCode === 200);
  expect(won).toHaveLength(1);
  const { mfa_token } = (await login(ada)).json();
  const [recovery] = won[0]?.json().recovery_codes ?? [];
  const body = { mfa_token, factor: 'recovery_code', code: recovery };
  expect((await service.call('POST', '/token/mfa', { body })).statusCode).toBe(200);
});

test('the right code of a new app forgets the wrong ones before it', async () => {
  const ada = await member(service);
  const code = (await beginTotp(service, ada.token))();
  for (const tried of ['000000', '000001', '000002'])
    expect((await post('/mfa/totp/confirm', ada, { code: tried })).json().code).toBe('invalid_mfa_code');
  expect((await post('/mfa/totp/confirm', ada, { code })).statusCode).toBe(200);
  expect(await lockoutsOf(service.deps.db, ada.who.id)).toEqual([]);
});

test('a recovery code is asked for as long as one is left', async () => {
  const ada = await withTotp();
  expect((await login(ada)).json().factors).toEqual(['recovery_code', 'totp']);
  await service.deps.db.run(sql`
    update recovery_codes set used_at = created_at where user_id = ${ada.who.id}::uuid`);
  expect((await login(ada)).json().factors).toEqual(['totp']);
});

test('recovery codes go with the last factor that they stand in for, and a passkey alone is not asked for beside a password', async () => {
  const ada = await withTotp();
  await addPasskey(ada);
  const removed = await service.call('DELETE', '/mfa/totp', { token: ada.token });
  expect(removed.statusCode, removed.body).toBe(204);
  const left = (await service.call('GET', '/mfa', { token: ada.token })).json();
  expect(left).toMatchObject({ factors: [{ kind: 'passkey' }], recovery_codes_left: 0 });
  expect((await login(ada)).statusCode).toBe(200);
});

test('a passkey does not stand in for the last factor of somebody whose role requires one', async () => {
  const ada = await withTotp();
  await addPasskey(ada);
  await service.deps.db.run(sql`
    with role as (
      insert into roles (name, description, mfa_required, created_at) values ('guarded', '', true, now()) returning name)
    insert into user_roles (user_id, role_name, granted_at) select ${ada.who.id}::uuid, name, now() from role`);
  const removed = await service.call('DELETE', '/mfa/totp', { token: ada.token });
  expect([removed.statusCode, removed.json().code]).toEqual([409, 'factor_required']);
});
