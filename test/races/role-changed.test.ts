import { afterAll, beforeAll, expect, test } from 'vitest';
import { setUserRoles } from '../../src/admin/act-on-user.ts';
import { changeUser } from '../../src/admin/change-user.ts';
import { sql } from '../../src/platform/sql.ts';
import { updateRole } from '../../src/rbac/update-role.ts';
import { authenticate } from '../../src/sessions/authenticate.ts';
import type { UserPrincipal } from '../../src/sessions/principal.ts';
import { insertRevokedToken } from '../../src/sessions/queries.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { member, person } from '../support/people.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';

// A request that was let in with what a role permits, and a role that changes before it writes.

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const caller = { requestId: 'held', ip: '127.0.0.1', userAgent: 'test' };

test('a role that requires a second factor by then permits nothing to whoever was let in without one', async () => {
  const { deps, call } = service;
  const admin = await member(service, { roles: ['admin'] });
  const role = { name: 'granter', permissions: ['roles:write'] };
  expect((await call('POST', '/roles', { token: admin.token, body: role })).statusCode).toBe(201);
  const [{ token }, pawn] = [await member(service, { roles: ['granter'] }), await person(service)];
  const needs = { access: 'user', recent: false, permissions: true } as const;
  const principal = (await authenticate(deps, token, caller, needs)) as UserPrincipal;

  let attempt: Promise<unknown> = Promise.resolve();
  await deps.db.transaction(async tx => {
    await tx.run(sql`select from roles where name = 'admin' for no key update`);
    attempt = setUserRoles(deps, principal, pawn.id, ['granter', 'user']);
    attempt.catch(() => {});
    await waitingForLock(deps.db);
    await tx.run(sql`update roles set mfa_required = true where name = 'granter'`);
  });

  await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'permission_denied' }));
  expect((await call('GET', `/users/${pawn.id}`, { token: admin.token })).json().roles).toEqual(['user']);
});

test('and permits it to whoever was let in with one', async () => {
  const { deps } = service;
  const [{ who, token }, pawn] = [await member(service, { roles: ['granter'] }), await person(service)];
  await deps.db.run(sql`update sessions set amr = '{pwd,otp,mfa}' where user_id = ${who.id}::uuid`);
  const needs = { access: 'user', recent: false, permissions: true } as const;
  const principal = (await authenticate(deps, token, caller, needs)) as UserPrincipal;
  const permissions = new Set(['roles:write']);
  const change = { description: '', permissions: ['roles:write'], mfaRequired: true };
  await updateRole(deps, { ...principal, permissions }, 'granter', change);
  const granted = await setUserRoles(deps, { ...principal, permissions }, pawn.id, ['granter']);
  expect(granted.roles).toEqual(['granter']);
});

test.each(['user', 'client'] as const)(
  'nor to a %s whose token was revoked by itself meanwhile',
  async kind => {
    const { deps, call } = service;
    const { token: admin } = await member(service, { roles: ['admin'] });
    const made = await call('POST', '/clients', {
      token: admin,
      body: { name: `desk of a ${kind}`, permissions: ['users:write'] },
    });
    const { id: client_id, secret: client_secret } = made.json();
    const form = { grant_type: 'client_credentials', client_id, client_secret };
    const token = kind === 'user' ? admin : (await call('POST', '/token', { form })).json().access_token;
    const principal = await authenticate(deps, token, caller, {
      access: 'any',
      recent: false,
      permissions: true,
    });
    if (principal.kind !== kind) throw new Error(principal.kind);
    await insertRevokedToken(deps.db, principal.jti, new Date(Date.UTC(2027, 1)));
    const { id } = await person(service);
    const attempt = changeUser(deps, principal, id, { disabled: true });
    await expect(attempt).rejects.toThrow(expect.objectContaining({ code: 'token_revoked' }));
  },
);
