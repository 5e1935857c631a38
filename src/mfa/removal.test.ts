import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo as outboxOf } from '../../test/support/mails.ts';
import { logIn, member, type Person, person } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { addTotp } from '../../test/support/totp.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { lockAccount } from '../accounts/find.ts';
import { system } from '../audit/record.ts';
import { noticeToken } from '../delivery/notice.ts';
import { sql } from '../platform/sql.ts';
import { endSessionsOf } from '../sessions/end.ts';
import { carryOutDueRemovals } from './removal.ts';

let service: TestApp;
let admin: Person;
beforeAll(async () => {
  service = await testApp({
    sms: { webhook: { url: 'http://127.0.0.1:9', secret: 'sixteen bytes or more' } },
  });
  admin = await person(service, { roles: ['admin'] });
});
afterAll(() => service.close());

async function withTotp(roles: string[] = [], { verified = true } = {}) {
  const { who, token } = await member(service, { roles, verified });
  const app = await addTotp(service, token);
  service.deps.clock.advance(30);
  return { who, token, ...app };
}

const login = ({ email, password }: Person) =>
  service.call('POST', '/token', { form: { username: email, password } });

async function askRemoval(id: string) {
  const { access_token: token } = await logIn(service, admin);
  return service.call('DELETE', `/users/${id}/mfa`, { token });
}

/** Why removals that waited for this account were taken back, in the trail. */
const reasonsOf = async ({ id }: Person) =>
  (
    await service.deps.db.rows<{ reason: string }>(
      sql`select reason from audit_events where user_id = ${id}::uuid and type = 'mfa.removal_cancelled'`,
    )
  ).map(({ reason }) => reason);

const mailsTo = async (who: Person) =>
  service.deps.db.rows<{ id: string; template: string }>(
    sql`select id, template from outbox where user_id = ${who.id}::uuid order by created_at, id`,
  );

test('a lost factor goes 24 hours after an administrator asked, and not a second before; the owner is told both times', async () => {
  const { who } = await withTotp();
  const asked = await askRemoval(who.id);
  expect(asked.statusCode, asked.body).toBe(202);
  const due = new Date(service.deps.clock.now().getTime() + 86_400_000).toISOString();
  expect(asked.json()).toEqual({ due_at: due });

  service.deps.clock.advance(86_399);
  expect((await login(who)).json().code).toBe('mfa_required');
  service.deps.clock.advance(1);
  expect((await login(who)).statusCode).toBe(200);
  const templates = (await mailsTo(who)).map(({ template }) => template);
  expect(templates.filter(each => each === 'mfa-removal-scheduled')).toHaveLength(1);
  expect(templates.filter(each => each === 'factor-removed')).toHaveLength(1);
});

test('asked again, the first date stands and no second mail goes out', async () => {
  const { who } = await withTotp();
  const first = (await askRemoval(who.id)).json();
  service.deps.clock.advance(3600);
  expect((await askRemoval(who.id)).json()).toEqual(first);
  const templates = (await mailsTo(who)).map(({ template }) => template);
  expect(templates.filter(each => each === 'mfa-removal-scheduled')).toHaveLength(1);
});

test('maintenance carries it out for somebody who does not log in', async () => {
  const { who, token } = await withTotp();
  await addPasskey(token);
  await askRemoval(who.id);
  service.deps.clock.advance(86_400);
  expect(await carryOutDueRemovals(service.deps, 500)).toBeGreaterThan(0);
  // A passkey stays, and nobody is told otherwise.
  const told = (await mailsTo(who)).filter(({ template }) => template === 'factor-removed');
  expect(told).toHaveLength(1);
  const row = await service.deps.db.row<{ mfa_enabled: boolean }>(
    sql`select mfa_enabled from users where id = ${who.id}::uuid`,
  );
  expect(row).toEqual({ mfa_enabled: false });
});

test('an owner who logs in with the factor keeps it', async () => {
  const { who, code } = await withTotp();
  await askRemoval(who.id);
  const answer = await service.call('POST', '/token/mfa', {
    body: { mfa_token: (await login(who)).json().mfa_token, factor: 'totp', code: code() },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().code).toBe('mfa_required');
});

test('an owner who proves again who they are with the factor keeps it', async () => {
  const { who, code, token } = await withTotp();
  await askRemoval(who.id);
  const answer = await service.call('POST', '/token/reauthenticate', {
    token,
    body: { factor: 'totp', code: code() },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  expect((await service.call('GET', '/mfa', { token })).json().removal_at).toBeNull();
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().code).toBe('mfa_required');
  expect(await reasonsOf(who)).toEqual(['factor_used']);
});

async function addPasskey(token: string) {
  const authenticator = softAuthenticator();
  const { options } = (await service.call('POST', '/mfa/passkeys/options', { token })).json();
  const body = { name: 'Laptop', response: authenticator.create(options) };
  expect((await service.call('POST', '/mfa/passkeys', { token, body })).statusCode).toBe(201);
  const signIn = async () => {
    const asked = (await service.call('POST', '/token/passkey/options')).json().options;
    return service.call('POST', '/token/passkey', { body: { response: authenticator.get(asked) } });
  };
  return { signIn };
}

test('an owner who logs in with a passkey alone keeps the factors, and nobody with a passkey of another account', async () => {
  const { who, token } = await withTotp();
  const { signIn } = await addPasskey(token);
  const stranger = await addPasskey((await logIn(service, await person(service))).access_token);
  const { due_at } = (await askRemoval(who.id)).json();
  expect((await stranger.signIn()).statusCode).toBe(200);
  expect((await service.call('GET', '/mfa', { token })).json().removal_at).toBe(due_at);

  const answer = await signIn();
  expect(answer.statusCode, answer.body).toBe(200);
  expect((await service.call('GET', '/mfa', { token })).json().removal_at).toBeNull();
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().factors).toEqual(['passkey', 'recovery_code', 'totp']);
  expect(await reasonsOf(who)).toEqual(['factor_used']);
});

test('a wrong proof of the factor keeps nothing', async () => {
  const { who, token } = await withTotp();
  const { due_at } = (await askRemoval(who.id)).json();
  await service.call('POST', '/token/reauthenticate', { token, body: { factor: 'totp', code: '000000' } });
  expect((await service.call('GET', '/mfa', { token })).json().removal_at).toBe(due_at);
  expect(await reasonsOf(who)).toEqual([]);
});

test('removing the last factor ends the removal that waits, so that a new one stays', async () => {
  const { who, token } = await withTotp();
  await askRemoval(who.id);
  expect((await service.call('DELETE', '/mfa/totp', { token })).statusCode).toBe(204);
  await addTotp(service, token);
  service.deps.clock.advance(86_401);
  await carryOutDueRemovals(service.deps, 500);
  expect((await login(who)).json().code).toBe('mfa_required');
  expect(await reasonsOf(who)).toEqual(['factors_removed']);
});

test('a factor that is added to the one that is lost keeps both', async () => {
  const { who, token } = await withTotp();
  await askRemoval(who.id);
  const number = '+254712345678';
  const asked = await service.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
  expect(asked.statusCode, asked.body).toBe(202);
  const code = (await outboxOf(service, number)).at(-1)?.secrets.code;
  expect((await service.call('POST', '/mfa/sms/confirm', { token, body: { code } })).statusCode).toBe(200);
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().factors).toEqual(['recovery_code', 'sms', 'totp']);
  expect(await reasonsOf(who)).toEqual(['factor_added']);
});

test('whoever proves the mailbox of an unverified account begins without a removal that waits', async () => {
  const { who } = await withTotp([], { verified: false });
  await askRemoval(who.id);
  await service.call('POST', '/password-reset/request', { body: { email: who.email } });
  const password = 'Entirely-other-7';
  const reset = await service.call('POST', '/password-reset/confirm', {
    body: {
      token: await mailedToken(service, 'reset-password', who.email),
      new_password: password,
      confirm_new_password: password,
    },
  });
  expect(reset.statusCode, reset.body).toBe(200);
  await addTotp(service, (await logIn(service, { ...who, password })).access_token);
  service.deps.clock.advance(86_401);
  expect((await login({ ...who, password })).json().code).toBe('mfa_required');
});

test('an owner who is logged in sees it and keeps the factor', async () => {
  const { who, token } = await withTotp();
  const { due_at } = (await askRemoval(who.id)).json();
  expect((await service.call('GET', '/mfa', { token })).json().removal_at).toBe(due_at);
  expect((await service.call('DELETE', '/users/me/mfa-removal', { token })).statusCode).toBe(204);
  const again = await service.call('DELETE', '/users/me/mfa-removal', { token });
  expect([again.statusCode, again.json().code]).toEqual([404, 'removal_not_found']);
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().code).toBe('mfa_required');
});

test('whoever keeps the factor waits for who takes the account back, and has no say in it after that', async () => {
  const { who, token } = await withTotp();
  await askRemoval(who.id);
  const { deps } = service;
  let kept: ReturnType<typeof service.call> | undefined;
  await deps.db.transaction(async tx => {
    await lockAccount(tx, who.id);
    kept = service.call('DELETE', '/users/me/mfa-removal', { token });
    await waitingForLock(deps.db);
    const ending = { userId: who.id, reason: 'password_reset', actor: system, caller: null };
    await endSessionsOf(deps, tx, ending);
  });
  expect((await kept)?.json().code).toBe('token_revoked');
  expect(await reasonsOf(who)).toEqual([]);
});

test('"this was not me" in the mail keeps the factor', async () => {
  const { who } = await withTotp();
  await askRemoval(who.id);
  const mail = (await mailsTo(who)).find(({ template }) => template === 'mfa-removal-scheduled');
  const { disownNotice } = await import('../notices/disown.ts');
  const caller = { requestId: 'r', ip: '127.0.0.1', userAgent: '' };
  await disownNotice(service.deps, caller, noticeToken(service.deps.secrets, mail?.id ?? ''));
  service.deps.clock.advance(86_401);
  expect((await login(who)).json().code).toBe('mfa_required');
});

test('nobody removes the factors of somebody who holds more, nor factors that are not there', async () => {
  const { who: chief } = await withTotp(['admin']);
  const { access_token: token } = await logIn(service, admin);
  const made = await service.call('POST', '/roles', {
    token,
    body: { name: 'desk', description: '', permissions: ['users:write'] },
  });
  expect(made.statusCode, made.body).toBe(201);
  const desk = await logIn(service, await person(service, { roles: ['desk'] }));
  const refused = await service.call('DELETE', `/users/${chief.id}/mfa`, { token: desk.access_token });
  expect([refused.statusCode, refused.json().code]).toEqual([403, 'target_outranks_caller']);
  const none = await askRemoval((await person(service)).id);
  expect([none.statusCode, none.json().code]).toEqual([404, 'factor_not_found']);
});

test('a role that requires a factor permits nothing until the session has one, and the refusal says so', async () => {
  const { access_token: chief } = await logIn(service, admin);
  const body = { name: 'auditor', description: '', permissions: ['audit:read'] };
  await service.call('POST', '/roles', { token: chief, body });
  const { who, code, token } = await withTotp(['auditor']);
  expect((await service.call('GET', '/audit-events', { token })).statusCode).toBe(200);

  const { name: _name, ...change } = { ...body, mfa_required: true };
  const changed = await service.call('PUT', '/roles/auditor', { token: chief, body: change });
  expect(changed.json(), changed.body).toMatchObject({ mfa_required: true });
  const refused = await service.call('GET', '/audit-events', { token });
  expect(refused.statusCode).toBe(403);
  expect(refused.json()).toMatchObject({
    code: 'permission_denied',
    permission: 'audit:read',
    factor_required: true,
    message: 'Your role gives the permission audit:read only after a login with a second factor.',
  });
  // Somebody without the role is told of no factor, nor is anybody of a permission that it does not give.
  const { access_token: other } = await logIn(service, await person(service));
  const denied = [
    await service.call('GET', '/audit-events', { token: other }),
    await service.call('GET', '/clients', { token }),
  ];
  for (const answer of denied) expect(answer.json()).not.toHaveProperty('factor_required');

  const { mfa_token } = (await login(who)).json();
  const proven = await service.call('POST', '/token/mfa', {
    body: { mfa_token, factor: 'totp', code: code() },
  });
  const answer = await service.call('GET', '/audit-events', { token: proven.json().access_token });
  expect(answer.statusCode, answer.body).toBe(200);

  // Without the app a right password would be asked for nothing more, whatever passkeys there are.
  const { access_token: fresh } = proven.json();
  await addPasskey(fresh);
  const kept = await service.call('DELETE', '/mfa/totp', { token: fresh });
  expect([kept.statusCode, kept.json().code]).toEqual([409, 'factor_required']);
});
