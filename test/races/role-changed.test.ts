import { afterAll, beforeAll, expect, test } from 'vitest';
import { setUserRoles } from '../../src/admin/act-on-user.ts';
import { sql } from '../../src/platform/sql.ts';
import { updateRole } from '../../src/rbac/update-role.ts';
import { authenticate } from '../../src/sessions/authenticate.ts';
import type { UserPrincipal } from '../../src/sessions/principal.ts';
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
