import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GoogleApp, googleApp } from '../../test/support/google.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, member, person } from '../../test/support/people.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { lockAccount } from '../accounts/find.ts';
import { sql } from '../platform/sql.ts';

// What becomes of an account whose address a provider vouches for.
let { service, issuer, signUp, close } = {} as GoogleApp;
beforeAll(async () => {
  ({ service, issuer, signUp, close } = await googleApp());
});
afterAll(() => close());

test('pre-hijack: everything that was set on an unverified account is gone once Google proves the mailbox', async () => {
  const who = await person(service, { email: 'victim@example.com', verified: false });
  const attacker = await logIn(service, who);
  const body = { email: 'attacker@example.com' };
  await service.call('PUT', '/users/me', { token: attacker.access_token, body });
  const answer = await signUp(await issuer.idToken({ sub: '3001', email: 'Victim@example.com' }));
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.json()).toMatchObject({ id: who.id, email_verified: true, pending_email: null });
  // Nor is the victim greeted by a name that the attacker typed.
  const told = (await mailsTo(service, who.email)).find(({ template }) => template === 'identity-linked');
  expect(told?.params).not.toHaveProperty('name');
  // Nor offered the removal of the attacker's password, which is gone.
  expect(told?.secrets).toEqual({});
  expect((await service.call('GET', '/users/me', { token: attacker.access_token })).statusCode).toBe(401);
  expect(
    (await service.call('POST', '/refresh-token', { body: { refresh_token: attacker.refresh_token } }))
      .statusCode,
  ).toBe(401);
  const password = await service.call('POST', '/token', {
    form: { username: who.email, password: who.password },
  });
  expect(password.json().code).toBe('invalid_credentials');
});

test('a verified account is linked, its sessions end, it keeps its password, and its owner is told', async () => {
  const who = await person(service, { email: 'owner@example.com' });
  const before = await logIn(service, who);
  const answer = await signUp(await issuer.idToken({ sub: '3002', email: 'owner@example.com' }));
  expect(answer.json().id).toBe(who.id);
  expect((await service.call('GET', '/users/me', { token: before.access_token })).statusCode).toBe(401);
  await logIn(service, who);
  const told = (await mailsTo(service, who.email)).map(({ template }) => template);
  expect(told).toContain('identity-linked');
});

test('where an account has no password, none is offered to be removed, and no session that it knows ends', async () => {
  const { who, token } = await member(service);
  await service.deps.db.run(sql`delete from passwords where user_id = ${who.id}::uuid`);
  const answer = await signUp(await issuer.idToken({ sub: '3007', email: who.email }));
  expect(answer.json().id).toBe(who.id);
  expect((await service.call('GET', '/users/me', { token })).statusCode).toBe(200);
  const told = (await mailsTo(service, who.email)).find(({ template }) => template === 'identity-linked');
  expect(told?.secrets).toEqual({});
});

test('a password that is being set while the account is linked ends the sessions too, and can be removed', async () => {
  const { who, token } = await member(service);
  const { db, clock } = service.deps;
  const idToken = await issuer.idToken({ sub: '3004', email: who.email });
  const { hash } = (await db.row<{ hash: string }>(sql`
    delete from passwords where user_id = ${who.id}::uuid returning hash`)) as { hash: string };
  let answer: ReturnType<typeof signUp> | undefined;
  await db.transaction(async tx => {
    await lockAccount(tx, who.id);
    answer = signUp(idToken);
    await waitingForLock(db);
    await tx.run(sql`
      insert into passwords (user_id, hash, changed_at) values (${who.id}::uuid, ${hash}, ${clock.now()})`);
  });
  expect((await answer)?.json().id).toBe(who.id);
  expect((await service.call('GET', '/users/me', { token })).json().code).toBe('token_revoked');
  const body = { token: await mailedToken(service, 'identity-linked', who.email) };
  expect((await service.call('POST', '/password/remove', { body })).statusCode).toBe(200);
});

// The key that addresses are held by folds further than mailboxes do.
test.each([
  ['a dotless i', 'admin@shared.example', 'adm\u0131n@shared.example'],
  ['a sharp s', 'strasse@shared.example', 'stra\u00dfe@shared.example'],
  ['a final sigma', '\u03c3\u03c3@shared.example', '\u03c3\u03c2@shared.example'],
])(
  'who has an address that differs by %s is let into no account, and makes none',
  async (_name, owner, theirs) => {
    for (const verified of [true, false]) {
      const email = verified ? owner : `un.${owner}`;
      const stranger = verified ? theirs : `un.${theirs}`;
      const who = await person(service, { email, verified });
      const answer = await signUp(await issuer.idToken({ sub: `5001-${stranger}`, email: stranger }));
      expect([answer.statusCode, answer.json().code], stranger).toEqual([409, 'address_taken']);
      const { access_token } = await logIn(service, who);
      const me = (await service.call('GET', '/users/me', { token: access_token })).json();
      expect(me).toMatchObject({ id: who.id, email, email_verified: verified });
      expect((await service.call('GET', '/users/me/identities', { token: access_token })).json()).toEqual([]);
    }
  },
);

test('an address that is kept for its former owner makes no account until the 72 hours are over', async () => {
  const who = await person(service, { email: 'moved@shared.example' });
  const { access_token: token } = await logIn(service, who);
  await service.call('PUT', '/users/me', { token, body: { email: 'new@shared.example' } });
  const confirm = await mailedToken(service, 'email-change-confirm', 'new@shared.example');
  await service.call('POST', `/verify-email/${confirm}`);
  const answer = await signUp(await issuer.idToken({ sub: '5003', email: who.email }));
  expect([answer.statusCode, answer.json().code]).toEqual([409, 'address_taken']);
  service.deps.clock.advance(72 * 3600 + 1);
  const later = await signUp(await issuer.idToken({ sub: '5003', email: who.email }));
  expect(later.json()).toMatchObject({ email: who.email, email_verified: true });
  expect(later.json().id).not.toBe(who.id);
});

test.each([
  ['case', 'Grace.H@shared.example', 'gRACE.h@Shared.Example'],
  ['width', 'width@shared.example', '\uff57idth@shared.example'],
  ['a ligature (NFKC)', 'fisher@shared.example', '\ufb01sher@shared.example'],
  ['the script of the domain', 'ada@b\u00fccher.example', 'ada@xn--bcher-kva.example'],
])('an address that differs by %s is the same', async (_name, owner, theirs) => {
  const who = await person(service, { email: owner });
  const answer = await signUp(await issuer.idToken({ sub: `5002-${theirs}`, email: theirs }));
  expect(answer.json().id, answer.body).toBe(who.id);
});

test('an account that is disabled gains no way in that it would have once it is enabled again', async () => {
  const who = await person(service, { email: 'stopped@example.com', verified: false });
  const { db } = service.deps;
  await db.run(sql`update users set disabled_at = now() where id = ${who.id}::uuid`);
  const answer = await signUp(await issuer.idToken({ sub: '3006', email: who.email }));
  expect([answer.statusCode, answer.json().code]).toEqual([401, 'account_disabled']);
  expect(await db.rows(sql`select from identities where user_id = ${who.id}::uuid`)).toEqual([]);
  await db.run(sql`update users set disabled_at = null where id = ${who.id}::uuid`);
  expect(
    (await service.call('GET', '/users/me', { token: (await logIn(service, who)).access_token })).json(),
  ).toMatchObject({ email_verified: false });
});
