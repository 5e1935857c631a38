import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { acceptInvitation, logIn, PASSWORD, person } from '../../test/support/people.ts';
import { rowsRead } from '../../test/support/plan.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { sql } from '../platform/sql.ts';
import { findWaiting } from './queries.ts';

let service: TestApp;
let admin: { id: string; token: string };
beforeAll(async () => {
  service = await testApp();
  const who = await person(service, { roles: ['admin'] });
  admin = { id: who.id, token: (await logIn(service, who)).access_token };
});
afterAll(() => service.close());

const fresh = () => `${service.deps.random.uuid()}@example.com`;

async function invited(body: { email: string; roles?: string[] }, token = admin.token) {
  const answer = await service.call('POST', '/invitations', { token, body });
  expect(answer.statusCode, answer.body).toBe(201);
  const mail = (await mailsTo(service, body.email)).findLast(({ template }) => template === 'invitation');
  return { id: answer.json().id as string, token: String(mail?.secrets.token), mail, body: answer.json() };
}

const accept = (token: string, change?: object) => acceptInvitation(service, token, change);

/** Somebody with a role that holds these permissions. */
async function holder(permissions: string[]): Promise<{ id: string; token: string; role: string }> {
  const role = `r${service.deps.random.uuid().replaceAll('-', '').slice(-12)}`;
  const made = await service.call('POST', '/roles', {
    token: admin.token,
    body: { name: role, description: 'Of a test', permissions },
  });
  expect(made.statusCode, made.body).toBe(201);
  const who = await person(service, { roles: [role] });
  return { id: who.id, token: (await logIn(service, who)).access_token, role };
}

test('an invitation becomes a verified account with its roles, once', async () => {
  const email = fresh();
  const { token, mail, body } = await invited({ email, roles: ['user', 'admin'] });
  expect(mail?.params).toEqual({ invitedBy: 'Ada Lovelace' });
  expect(body).toMatchObject({
    email,
    roles: ['admin', 'user'],
    invited_by: { kind: 'user', id: admin.id },
    expires_at: new Date(service.deps.clock.now().getTime() + 7 * 86_400_000).toISOString(),
  });
  const answers = await Promise.all([1, 2, 3].map(() => accept(token)));
  expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([201, 400, 400]);
  const user = answers.find(({ statusCode }) => statusCode === 201)?.json();
  expect(user).toMatchObject({
    email,
    full_name: 'Grace Hopper',
    email_verified: true,
    roles: ['admin', 'user'],
  });
  const { access_token } = await logIn(service, { id: user.id, email, password: PASSWORD });
  expect((await service.call('GET', '/users', { token: access_token })).statusCode).toBe(200);
});

test('an account that holds by now what its inviter lacks is not claimed, nor its roles replaced', async () => {
  const desk = await holder(['users:write', 'users:read']);
  const email = fresh();
  const { token } = await invited({ email }, desk.token);
  const { id } = await person(service, { email, verified: false, roles: ['admin'] });
  expect((await accept(token)).json().code).toBe('invitation_invalid');
  const found = await service.call('GET', `/users/${id}`, { token: admin.token });
  expect(found.json()).toMatchObject({ roles: ['admin', 'user'], email_verified: false });
});

test('nor is one that was disabled', async () => {
  const email = fresh();
  const { token } = await invited({ email });
  const { id } = await person(service, { email, verified: false });
  await service.call('PATCH', `/users/${id}`, { token: admin.token, body: { disabled: true } });
  expect((await accept(token)).json().code).toBe('email_taken');
});

test('a password and its confirmation are the same however a keyboard composes their accents', async () => {
  const { token } = await invited({ email: fresh() });
  const passwords = { password: 'Zo\u00eb-sails-9', confirm_password: 'Zoe\u0308-sails-9' };
  expect((await accept(token, passwords)).statusCode).toBe(201);
});

test('what is refused spends nothing', async () => {
  const { token } = await invited({ email: fresh() });
  expect((await accept(token, { password: 'short', confirm_password: 'short' })).statusCode).toBe(422);
  expect((await accept(token, { confirm_password: 'other' })).json().code).toBe('passwords_differ');
  expect((await accept(token, { first_name: '\t' })).statusCode).toBe(422);
  expect((await accept(token, { phone_number: '+254712345678' })).json().phone_number).toBe('+254712345678');
});

test('nobody gives what they do not hold, and needs users:write and a recent login to invite', async () => {
  const { token } = await holder(['users:write', 'users:read']);
  const more = await service.call('POST', '/invitations', {
    token,
    body: { email: fresh(), roles: ['admin'] },
  });
  expect([more.statusCode, more.json().code]).toEqual([403, 'grant_exceeds_own']);
  const reader = await holder(['users:read']);
  const refused = await service.call('POST', '/invitations', {
    token: reader.token,
    body: { email: fresh() },
  });
  expect(refused.json()).toMatchObject({ code: 'permission_denied' });
  const unknown = await service.call('POST', '/invitations', {
    token: admin.token,
    body: { email: fresh(), roles: ['nobody-made-this'] },
  });
  expect(unknown.statusCode).toBe(422);
});

test('an invitation is worth nothing once whoever sent it lost what it gives, was disabled or is gone', async () => {
  const lost = async (spoil: (who: { id: string; role: string }) => Promise<unknown>) => {
    const who = await holder(['users:write', 'users:read']);
    const { token } = await invited({ email: fresh(), roles: [who.role] }, who.token);
    await spoil(who);
    return (await accept(token)).json().code;
  };
  const { db, clock } = service.deps;
  expect(await lost(({ id }) => db.run(sql`delete from user_roles where user_id = ${id}::uuid`))).toBe(
    'invitation_invalid',
  );
  expect(
    await lost(({ id }) =>
      db.run(sql`update users set disabled_at = ${clock.now()}::timestamptz where id = ${id}::uuid`),
    ),
  ).toBe('invitation_invalid');
  expect(await lost(({ id }) => db.run(sql`delete from users where id = ${id}::uuid`))).toBe(
    'invitation_invalid',
  );
  expect(
    await lost(({ role }) =>
      service.call('PUT', `/roles/${role}`, {
        token: admin.token,
        body: { description: '', permissions: ['users:read'] },
      }),
    ),
  ).toBe('invitation_invalid');
});

test('a role that grew past what the inviter holds is not given any more', async () => {
  const who = await holder(['users:write', 'users:read']);
  const { role } = await holder(['users:read']);
  const { token } = await invited({ email: fresh(), roles: [role] }, who.token);
  const grown = await service.call('PUT', `/roles/${role}`, {
    token: admin.token,
    body: { description: '', permissions: ['users:read', 'roles:write'] },
  });
  expect(grown.statusCode, grown.body).toBe(200);
  expect((await accept(token)).json().code).toBe('invitation_invalid');
});

test('invitations that wait are listed and withdrawn, and a newer one replaces an older', async () => {
  const email = fresh();
  const first = await invited({ email });
  const second = await invited({ email: email.toUpperCase().replace('EXAMPLE.COM', 'example.com') });
  expect((await accept(first.token)).json().code).toBe('invitation_invalid');
  const list = (await service.call('GET', '/invitations?limit=200', { token: admin.token })).json();
  const ids = list.items.map(({ id }: { id: string }) => id);
  expect([ids.includes(first.id), ids.includes(second.id)]).toEqual([false, true]);
  const page = (await service.call('GET', '/invitations?limit=1', { token: admin.token })).json();
  expect(page.items).toEqual([list.items[0]]);
  const url = `/invitations/${second.id}`;
  expect((await service.call('DELETE', url, { token: admin.token })).statusCode).toBe(204);
  expect((await service.call('DELETE', url, { token: admin.token })).json().code).toBe(
    'invitation_not_found',
  );
  expect((await accept(second.token)).json().code).toBe('invitation_invalid');
});

test('of several invitations of an address at once, the last one works and no other', async () => {
  const email = fresh();
  const { db } = service.deps;
  // So that all of them have begun before the first one is written.
  const held = Promise.withResolvers<void>();
  const holding = db.transaction(async tx => {
    await tx.run(sql`lock table challenges in share row exclusive mode`);
    await held.promise;
  });
  const inviting = [1, 2, 3, 4].map(() =>
    service.call('POST', '/invitations', { token: admin.token, body: { email } }),
  );
  await waitingForLock(db, 4);
  held.resolve();
  await holding;
  expect((await Promise.all(inviting)).map(({ statusCode }) => statusCode)).toEqual([201, 201, 201, 201]);
  const { items } = (await service.call('GET', '/invitations?limit=200', { token: admin.token })).json();
  expect(items.filter((each: { email: string }) => each.email === email)).toHaveLength(1);
  const mails = await mailsTo(service, email);
  const answers = await Promise.all(mails.map(({ secrets }) => accept(String(secrets.token))));
  expect(answers.filter(({ statusCode }) => statusCode === 201)).toHaveLength(1);
});

test('nobody withdraws, or replaces, an invitation that gives more than they hold', async () => {
  const email = fresh();
  const high = await invited({ email, roles: ['admin'] });
  const desk = await holder(['users:write', 'users:read']);
  const refusals = [
    await service.call('DELETE', `/invitations/${high.id}`, { token: desk.token }),
    await service.call('POST', '/invitations', { token: desk.token, body: { email: email.toUpperCase() } }),
  ];
  for (const refused of refusals) {
    expect([refused.statusCode, refused.json().code]).toEqual([403, 'target_outranks_caller']);
    expect(refused.json().message).toBe('The invitation gives a permission that you lack.');
  }
  const events = await service.deps.db.rows(sql`
    select type, outcome, reason from audit_events where actor_id = ${desk.id}::uuid and outcome = 'refusal' order by id`);
  expect(events).toEqual([
    { type: 'invitation.revoked', outcome: 'refusal', reason: 'target_outranks_caller' },
    { type: 'invitation.sent', outcome: 'refusal', reason: 'target_outranks_caller' },
  ]);
  expect((await accept(high.token)).statusCode).toBe(201);

  const low = await invited({ email: fresh(), roles: ['user'] });
  const withdrawn = await service.call('DELETE', `/invitations/${low.id}`, { token: desk.token });
  expect(withdrawn.statusCode).toBe(204);
});

test('it works for seven days', async () => {
  const { token } = await invited({ email: fresh() });
  service.deps.clock.advance(7 * 86_400 + 1);
  expect((await accept(token)).json().code).toBe('invitation_invalid');
  service.deps.clock.advance(-7 * 86_400 - 1);
});

test('a verified account keeps its address; an unverified one that somebody made on it is claimed', async () => {
  const taken = await person(service);
  const refused = await service.call('POST', '/invitations', {
    token: admin.token,
    body: { email: taken.email },
  });
  expect(refused.json().code).toBe('email_taken');

  const email = fresh();
  const { token } = await invited({ email, roles: ['user'] });
  const squatter = await person(service, { email, verified: false, roles: ['admin'] });
  await service.deps.db.run(
    sql`delete from user_roles where user_id = ${squatter.id}::uuid and role_name = 'admin'`,
  );
  const session = await logIn(service, squatter);
  const answer = await accept(token, { password: 'Another-horse-2', confirm_password: 'Another-horse-2' });
  expect(answer.statusCode, answer.body).toBe(201);
  expect(answer.json()).toMatchObject({ id: squatter.id, full_name: 'Grace Hopper', email_verified: true });
  expect((await service.call('GET', '/users/me', { token: session.access_token })).statusCode).toBe(401);
  const old = await service.call('POST', '/token', { form: { username: email, password: PASSWORD } });
  expect(old.json().code).toBe('invalid_credentials');
  await logIn(service, { ...squatter, password: 'Another-horse-2' });
});

test('an invitation proves its own mailbox alone: an account with an address that looks like it is not claimed', async () => {
  const email = fresh().replace('@', '-admin@');
  const lookalike = email.replace('admin', 'adm\u0131n');
  const { token } = await invited({ email: lookalike });
  const owner = await person(service, { email, verified: false });
  expect((await accept(token)).json().code).toBe('email_taken');
  expect((await logIn(service, owner)).access_token).toBeTruthy();
  const again = await service.call('POST', '/invitations', {
    token: admin.token,
    body: { email: lookalike },
  });
  expect([again.statusCode, again.json().code]).toEqual([400, 'email_taken']);
});

test('an unverified account that holds more than the inviter by then is neither claimed nor demoted', async () => {
  const inviter = await holder(['users:write']);
  const email = fresh();
  const { token } = await invited({ email, roles: ['user'] }, inviter.token);
  const chief = await person(service, { email, verified: false, roles: ['admin'] });
  const refused = await accept(token);
  expect([refused.statusCode, refused.json().code]).toEqual([400, 'invitation_invalid']);
  const { access_token } = await logIn(service, chief);
  expect((await service.call('GET', '/users', { token: access_token })).statusCode).toBe(200);
});

test('the earlier invitations of an address are found without reading those of others', async () => {
  const { db, clock } = service.deps;
  const sentTo = fresh();
  await invited({ email: sentTo });
  await db.run(sql`
    insert into challenges (id, purpose, secret_hash, sent_to, data, created_at, expires_at)
    select gen_random_uuid(), purpose, sha256(n::text::bytea), n || sent_to, data, created_at, expires_at
    from challenges, generate_series(1, 2000) as n where sent_to = ${sentTo}::text`);
  await db.run(sql`analyze challenges`);
  const read = await rowsRead(db, sent =>
    findWaiting(sent, { sentTo: sentTo.toUpperCase(), now: clock.now() }),
  );
  expect(read).toBeLessThan(50);
});
