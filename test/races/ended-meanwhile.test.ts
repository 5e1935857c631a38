import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findAccountById, lockAccount } from '../../src/accounts/find.ts';
import { setUserRoles } from '../../src/admin/act-on-user.ts';
import { letIn } from '../../src/authentication/let-in.ts';
import {
  answerWithPasskey,
  beginPasskeySignIn,
  signInNewAccount,
  signInWithPasskey,
} from '../../src/authentication/passkey.ts';
import { answerSecondFactor } from '../../src/authentication/second-factor.ts';
import { unlinkIdentity } from '../../src/federation/unlink.ts';
import { signInByMail } from '../../src/mail-sign-in/answer.ts';
import { addPasskey, beginPasskey } from '../../src/mfa/add-passkey.ts';
import { removePasskey, renamePasskey } from '../../src/mfa/passkeys.ts';
import { newRecoveryCodes } from '../../src/mfa/recovery-codes.ts';
import { changePassword } from '../../src/passwords/change.ts';
import type { Problem } from '../../src/platform/problems.ts';
import { sql } from '../../src/platform/sql.ts';
import { closeOwnAccount } from '../../src/profile/remove-account.ts';
import { updateProfile } from '../../src/profile/update.ts';
import { sendVerification } from '../../src/profile/verify-email.ts';
import { authenticate } from '../../src/sessions/authenticate.ts';
import { endSessionsOf } from '../../src/sessions/end.ts';
import type { UserPrincipal } from '../../src/sessions/principal.ts';
import { insertRevokedToken } from '../../src/sessions/queries.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { mailsTo } from '../support/mails.ts';
import { member, PASSWORD, type Person, person } from '../support/people.ts';
import { softAuthenticator } from '../support/soft-authenticator.ts';
import { addTotp } from '../support/totp.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';
import { watchedDatabase } from '../support/watched-database.ts';

// A request that was let in, and whose session ends before it writes.

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ signInByMail: true });
});
afterAll(() => service.close());

const caller = { requestId: 'held', ip: '127.0.0.1', userAgent: 'test' };

async function letInOnce(token: string, permissions = false): Promise<UserPrincipal> {
  const needs = { access: 'user', recent: false, permissions } as const;
  return (await authenticate(service.deps, token, caller, needs)) as UserPrincipal;
}

const ways: [string, (principal: UserPrincipal) => Promise<unknown>][] = [
  ['the profile is changed', who => updateProfile(service.deps, who, { first_name: 'Eve' })],
  ['another address is asked for', who => updateProfile(service.deps, who, { email: 'eve@example.net' })],
  [
    'the password is changed',
    who =>
      changePassword(service.deps, who, {
        current: PASSWORD,
        password: 'Another-horse-9',
        confirmation: 'Another-horse-9',
      }),
  ],
  [
    'a passkey is added',
    async who => {
      const options = await beginPasskey(service.deps, who);
      const response = softAuthenticator().create(options) as never;
      return addPasskey(service.deps, who, { name: 'Laptop', response });
    },
  ],
  ['a passkey is removed', who => removePasskey(service.deps, who, service.deps.random.uuid())],
  ['a passkey is renamed', who => renamePasskey(service.deps, who, { id: who.userId, name: 'Mine' })],
  ['a provider is unlinked', who => unlinkIdentity(service.deps, who, service.deps.random.uuid())],
  ['recovery codes are made', who => newRecoveryCodes(service.deps, who)],
  ['another verification is mailed', who => sendVerification(service.deps, who)],
  [
    'roles are granted',
    async who => {
      const pawn = await person(service);
      return setUserRoles(service.deps, who, pawn.id, ['admin']);
    },
  ],
];

async function everything({ id }: Person) {
  const { db } = service.deps;
  return [
    await findAccountById(db, id),
    await db.rows(sql`select hash from passwords where user_id = ${id}::uuid`),
    await db.rows(sql`select id from factors where user_id = ${id}::uuid`),
    await db.rows(sql`select id from outbox where user_id = ${id}::uuid`),
    await db.rows(sql`select user_id from user_roles where role_name = 'admin' order by 1`),
  ];
}

describe('nothing is written, and token_revoked says so, where the session ended after the request was let in', () => {
  test.each(ways)('%s', async (_what, write) => {
    const { who, token } = await member(service, { roles: ['admin'], verified: false });
    const principal = await letInOnce(token, true);
    await service.call('POST', '/logout', { token });
    const before = await everything(who);
    await expect(write(principal)).rejects.toThrow(expect.objectContaining({ code: 'token_revoked' }));
    expect(await everything(who)).toEqual(before);
  });

  test.each(ways)('or the account was disabled: %s', async (_what, write) => {
    const { who, token } = await member(service, { roles: ['admin'], verified: false });
    const principal = await letInOnce(token, true);
    await service.deps.db.run(
      sql`update users set disabled_at = ${service.deps.clock.now()} where id = ${who.id}::uuid`,
    );
    await expect(write(principal)).rejects.toThrow(expect.objectContaining({ code: 'token_revoked' }));
  });
});

test('nor is an account closed by a session that ends while the closing waits for who takes the account back', async () => {
  const { who, token } = await member(service);
  const { deps } = service;
  const principal = await letInOnce(token);
  let closing: Promise<unknown> | undefined;
  await deps.db.transaction(async tx => {
    await lockAccount(tx, who.id);
    closing = closeOwnAccount(deps, principal).catch(({ code }: Problem) => code);
    await waitingForLock(deps.db);
    const actor = { kind: 'user', id: who.id } as const;
    await endSessionsOf(deps, tx, { userId: who.id, reason: 'password_reset', actor, caller });
  });
  expect(await closing).toBe('token_revoked');
  expect(await findAccountById(deps.db, who.id)).toMatchObject({ email: who.email });
});

test('nor where the token was revoked by itself after the request was let in', async () => {
  const { token } = await member(service);
  const principal = await letInOnce(token);
  await insertRevokedToken(service.deps.db, principal.jti, new Date(Date.UTC(2027, 1)));
  await expect(updateProfile(service.deps, principal, { first_name: 'Eve' })).rejects.toThrow(
    expect.objectContaining({ code: 'token_revoked' }),
  );
});

describe('nobody is let in by what was removed while it was being proven', () => {
  test('a passkey', async () => {
    const [{ who }, other] = [await member(service), await member(service)];
    const { db, clock, random } = service.deps;
    const account = (await findAccountById(db, who.id)) as never;
    const keep = async (owner: Person) => {
      const id = random.uuid();
      await db.run(sql`
        insert into factors (id, user_id, kind, credential, created_at, confirmed_at)
        values (${id}::uuid, ${owner.id}::uuid, 'passkey', ${JSON.stringify({ id })}::jsonb, ${clock.now()}, ${clock.now()})`);
      return id;
    };
    // Another one of the account proves nothing for the one that is gone, and nor does one of somebody else.
    await keep(who);
    for (const factorId of [random.uuid(), await keep(other.who)]) {
      const proof = { account, amr: ['hwk', 'mfa'], subject: null, deviceId: null, factorId };
      await expect(letIn(service.deps, caller, proof)).rejects.toThrow(
        expect.objectContaining({ code: 'invalid_credentials' }),
      );
    }
  });

  test('a mailbox', async () => {
    const thief = await member(service);
    const { deps } = service;
    const asked = await service.call('POST', '/token/email', { body: { email: thief.who.email } });
    const [mail] = (await mailsTo(service, thief.who.email)).filter(({ template }) => template === 'sign-in');
    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    // Its owner undoes the change of address that brought the account to this mailbox, just before the session starts.
    const undone = () =>
      deps.db.run(sql`update users set email = 'owner@example.com' where id = ${thief.who.id}::uuid`);
    hooks.push({ text: 'set last_login_at', before: undone });

    const proof = {
      requestToken: asked.json().request_token,
      proof: { code: mail?.secrets.code ?? '' },
      devices: [],
    };
    const attempt = signInByMail({ ...deps, db }, caller, proof);

    await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'invalid_credentials' }));
    const left = await deps.db.rows(sql`select id from sessions where user_id = ${thief.who.id}::uuid`);
    expect(left).toHaveLength(1);
    await db.close();
  });

  test('the passkey of an account that was made with it a moment ago', async () => {
    const { who } = await member(service, { verified: false });
    const { deps } = service;
    await deps.db.run(sql`
      insert into factors (id, user_id, kind, credential, created_at, confirmed_at)
      values (gen_random_uuid(), ${who.id}::uuid, 'passkey', '{"id": "new", "transports": []}', ${deps.clock.now()}, ${deps.clock.now()})`);
    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    const claimed = () => deps.db.run(sql`delete from factors where user_id = ${who.id}::uuid`);
    hooks.push({ text: 'set last_login_at', before: claimed });
    const signIn = () => signInNewAccount({ ...deps, db }, caller, who.id);

    await expect(signIn()).rejects.toThrow(expect.objectContaining({ code: 'invalid_credentials' }));
    await expect(signIn()).rejects.toThrow(expect.objectContaining({ code: 'account_disabled' }));
    await db.close();
  });

  test('a passkey that was asked for besides a password', async () => {
    const { who, token } = await member(service);
    const { deps, call } = service;
    const authenticator = softAuthenticator();
    const { options } = (await call('POST', '/mfa/passkeys/options', { token })).json();
    const body = { name: 'Laptop', response: authenticator.create(options) };
    expect((await call('POST', '/mfa/passkeys', { token, body })).statusCode).toBe(201);
    await deps.db.run(sql`update users set mfa_enabled = true where id = ${who.id}::uuid`);
    const form = { username: who.email, password: PASSWORD };
    const { mfa_token: mfaToken } = (await call('POST', '/token', { form })).json();
    const asked = await call('POST', '/token/mfa/passkey/options', { body: { mfa_token: mfaToken } });
    const response = authenticator.get(asked.json().options) as never;

    // Its owner says that it was somebody else who added it, just before the session starts.
    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    const disowned = () => deps.db.run(sql`delete from factors where user_id = ${who.id}::uuid`);
    hooks.push({ text: 'set last_login_at', before: disowned });
    const attempt = answerWithPasskey({ ...deps, db }, caller, { mfaToken, response });
    await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'invalid_mfa_token' }));
    await db.close();
  });

  test('an authenticator app', async () => {
    const { who, token } = await member(service);
    const { deps, call } = service;
    const { code } = await addTotp(service, token);
    const form = { username: who.email, password: PASSWORD };
    const { mfa_token: mfaToken } = (await call('POST', '/token', { form })).json();

    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    hooks.push({ text: 'set last_login_at', before: () => call('DELETE', '/mfa/totp', { token }) });
    const answer = { mfaToken, factor: 'totp', code: code(30) } as const;
    const attempt = answerSecondFactor({ ...deps, db }, caller, answer);
    await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'invalid_mfa_token' }));
    expect(hooks).toEqual([]);
    await db.close();
  });

  test('a passkey that was answering: nobody is told that it was copied', async () => {
    const { who, token } = await member(service);
    const { deps } = service;
    const authenticator = softAuthenticator();
    const { options } = (await service.call('POST', '/mfa/passkeys/options', { token })).json();
    const body = { name: 'Laptop', response: authenticator.create(options) };
    const { id } = (await service.call('POST', '/mfa/passkeys', { token, body })).json();
    const { db, hooks } = watchedDatabase(deps.databaseUrl);
    const removed = () => service.call('DELETE', `/mfa/passkeys/${id}`, { token });
    hooks.push({ text: "credential ->> 'id'", after: removed });

    const response = authenticator.get(await beginPasskeySignIn(deps)) as never;
    const attempt = signInWithPasskey({ ...deps, db }, caller, { response, devices: [] });

    await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'passkey_refused' }));
    const events = await deps.db.rows<{ type: string }>(
      sql`select type from audit_events where user_id = ${who.id}::uuid`,
    );
    expect(events.map(({ type }) => type)).not.toContain('passkey.cloned');
    const mails = (await mailsTo(service, who.email)).map(({ template }) => template);
    expect(mails).not.toContain('passkey-copied');
    await db.close();
  });

  test("a provider's identity", async () => {
    const [{ who }, other] = [await member(service), await member(service)];
    const { db, clock } = service.deps;
    const account = (await findAccountById(db, who.id)) as never;
    const link = (owner: Person, { issuer, subject }: { issuer: string; subject: string }) =>
      db.run(sql`
        insert into identities (issuer, subject, user_id, provider, created_at)
        values (${issuer}, ${subject}, ${owner.id}::uuid, 'example', ${clock.now()})`);
    const identity = { issuer: 'https://issuer.example', subject: 'removed' };
    // Others of the account prove nothing for the one that is gone, and nor does it once it is somebody else's.
    await link(who, { ...identity, subject: 'another' });
    await link(who, { ...identity, issuer: 'https://another.example' });
    await link(other.who, identity);
    const proof = { account, amr: ['fed'], subject: null, deviceId: null, identity };
    await expect(letIn(service.deps, caller, proof)).rejects.toThrow(
      expect.objectContaining({ code: 'invalid_credentials' }),
    );
  });

  test.each(['a passkey', "a provider's identity"])('%s, as long as its removal is under way', async what => {
    const { who } = await member(service);
    const { db, clock, random } = service.deps;
    const account = (await findAccountById(db, who.id)) as never;
    const passkeyId = random.uuid();
    const identity = { issuer: 'https://issuer.example', subject: passkeyId };
    await db.run(sql`
      insert into factors (id, user_id, kind, credential, created_at, confirmed_at)
      values (${passkeyId}::uuid, ${who.id}::uuid, 'passkey', ${JSON.stringify({ id: passkeyId })}::jsonb, ${clock.now()}, ${clock.now()})`);
    await db.run(sql`
      insert into identities (issuer, subject, user_id, provider, created_at)
      values (${identity.issuer}, ${identity.subject}, ${who.id}::uuid, 'example', ${clock.now()})`);
    const proven = what === 'a passkey' ? { factorId: passkeyId } : { identity };
    const [removed, seen] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const removal = db.transaction(async tx => {
      await tx.run(sql`delete from factors where user_id = ${who.id}::uuid`);
      await tx.run(sql`delete from identities where user_id = ${who.id}::uuid`);
      removed.resolve();
      await seen.promise;
    });
    await removed.promise;
    const proof = { account, amr: ['hwk'], subject: null, deviceId: null, ...proven };
    const outcome = letIn(service.deps, caller, proof).then(
      () => 'let in',
      ({ code }: Problem) => code,
    );
    try {
      await Promise.race([waitingForLock(db), outcome]);
    } finally {
      seen.resolve();
      await removal;
    }
    expect(await outcome).toBe('invalid_credentials');
  });
});
