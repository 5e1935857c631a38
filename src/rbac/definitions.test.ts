import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { type WatchedDatabase, watchedDatabase } from '../../test/support/watched-database.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { authenticate } from '../sessions/authenticate.ts';
import { refresh } from '../sessions/refresh.ts';
import { effectiveGrants } from './effective.ts';

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };
const DEFINITIONS = 'from role_versions v';

/** A process of its own on the database of the world. */
interface Replica extends WatchedDatabase {
  readonly deps: KeysDeps;
}

let world: TestApp;
let admin: string;
let replicas: [Replica, Replica];
let count = 0;

beforeAll(async () => {
  world = await testApp();
  // Another order than JavaScript's: `_` before `-`, upper and lower case as one.
  await run(sql`alter table role_permissions alter column permission_name type text collate "en-x-icu"`);
  admin = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
});
afterAll(() => world.close());
beforeEach(() => {
  replicas = [replica(), replica()];
});
afterEach(() => Promise.all(replicas.map(({ db }) => db.close())));

function replica(): Replica {
  const database = watchedDatabase(world.deps.databaseUrl);
  return { ...database, deps: { ...world.deps, db: database.db } };
}

const run = (statement: Fragment) => world.deps.db.run(statement);
const call = (method: 'PUT' | 'DELETE', url: string, body?: object) =>
  world.call(method, url, { token: admin, ...(body !== undefined && { body }) });

async function makeRole(role: string, permissions: readonly string[]) {
  await run(sql`insert into permissions (name, description, created_at)
    select p, '', now() from unnest(${[...permissions]}::text[]) as p on conflict do nothing`);
  await run(sql`insert into roles (name, description, created_at) values (${role}, '', now())`);
  await run(sql`insert into role_permissions (role_name, permission_name)
    select r, p from unnest(array['admin', ${role}]) as r, unnest(${[...permissions]}::text[]) as p on conflict do nothing`);
}

interface Holder {
  readonly who: Person;
  readonly role: string;
  readonly permission: string;
  /** The permissions that the next refresh there puts into the access token. */
  claimed(on: Replica): Promise<readonly string[]>;
  /** Whether a request that is guarded by the permission is let through there. */
  allowed(on: Replica, permission?: string): Promise<boolean>;
}

/** Somebody with a role of one permission, and a session for each replica that both have served before. */
async function holder(): Promise<Holder> {
  const role = `role${++count}`;
  const permission = `thing${count}:read`;
  await makeRole(role, [permission]);
  const who = await person(world, { roles: [role] });
  const tokens = new Map<Replica, { access_token: string; refresh_token: string }>();
  for (const each of replicas) tokens.set(each, await logIn(world, who));
  const tokensOn = (on: Replica) => tokens.get(on) as { access_token: string; refresh_token: string };
  const held: Holder = {
    who,
    role,
    permission,
    async claimed(on) {
      const fresh = await refresh(on.deps, caller, tokensOn(on).refresh_token);
      tokens.set(on, fresh);
      return world.deps.keys.verify(fresh.access_token).permissions;
    },
    async allowed(on, wanted = permission) {
      const needs = { access: { permission: wanted }, recent: false };
      const principal = authenticate(on.deps, tokensOn(on).access_token, caller, needs);
      return principal.then(
        () => true,
        (error: { code?: string }) => {
          expect(error.code).toBe('permission_denied');
          return false;
        },
      );
    },
  };
  for (const each of replicas) {
    expect(await held.claimed(each)).toEqual([permission]);
    expect(await held.allowed(each)).toBe(true);
    each.statements.length = 0;
  }
  return held;
}

const present = ({ who: { id } }: Holder) =>
  effectiveGrants(world.deps.db, { userId: id, proven: sql`false` });

describe('what is taken from a role is gone at once on every replica', () => {
  test.each<[string, (held: Holder) => Promise<unknown>]>([
    [
      'by an administrator',
      ({ role }) => call('PUT', `/roles/${role}`, { description: '', permissions: [] }),
    ],
    [
      'by an administrator who asks for a second factor',
      ({ role, permission }) =>
        call('PUT', `/roles/${role}`, { description: '', permissions: [permission], mfa_required: true }),
    ],
    ['with the role', ({ role }) => call('DELETE', `/roles/${role}`)],
    ['with the permission', ({ permission }) => call('DELETE', `/permissions/${permission}`)],
    ['by SQL', ({ role }) => run(sql`delete from role_permissions where role_name = ${role}`)],
    [
      'by SQL that gives another permission for it',
      ({ role }) =>
        run(sql`update role_permissions set permission_name = 'users:read' where role_name = ${role}`),
    ],
    [
      'by SQL on permissions',
      ({ permission }) => run(sql`delete from permissions where name = ${permission}`),
    ],
    ['by SQL on the role', ({ role }) => run(sql`update roles set mfa_required = true where name = ${role}`)],
    ['by SQL that removes the role', ({ role }) => run(sql`delete from roles where name = ${role}`)],
    ['by truncate', () => run(sql`truncate role_permissions`)],
  ])('%s', async (_, take) => {
    const held = await holder();
    await take(held);
    const { permissions } = await present(held);
    expect(permissions).not.toContain(held.permission);
    for (const each of replicas) {
      expect(await held.allowed(each)).toBe(false);
      expect(await held.claimed(each)).toEqual(permissions);
    }
    await run(sql`insert into role_permissions select 'admin', name from permissions on conflict do nothing`);
  });

  test('also for the next login and the next proof of who one is', async () => {
    await makeRole('swift', ['swift:read']);
    const { who, role, permission } = await holder();
    const permissionsOf = (token: string) => world.deps.keys.verify(token).permissions;
    const proven = async (token: string) => {
      const body = { password: who.password };
      const answer = await world.call('POST', '/token/reauthenticate', { token, body });
      return permissionsOf(answer.json().access_token);
    };
    const { access_token: token } = await logIn(world, who);
    expect(permissionsOf(token)).toEqual([permission]);
    await run(sql`update role_permissions set permission_name = 'swift:read' where role_name = ${role}`);
    expect(permissionsOf((await logIn(world, who)).access_token)).toEqual(['swift:read']);
    await run(sql`delete from role_permissions where role_name = ${role}`);
    expect(await proven(token)).toEqual([]);
  });
});

test('what a role is given holds at once on every replica', async () => {
  await makeRole('giver', ['given:read']);
  const held = await holder();
  await run(sql`insert into role_permissions values (${held.role}, 'given:read')`);
  for (const each of replicas) {
    expect(await held.allowed(each, 'given:read')).toBe(true);
    expect(await held.claimed(each)).toEqual(['given:read', held.permission]);
  }
});

test('a change counts when it is committed, and one that is rolled back changes nothing', async () => {
  const held = await holder();
  const undone = new Error('undone');
  const change = world.deps.db.transaction(async tx => {
    await tx.run(sql`delete from role_permissions where role_name = ${held.role}`);
    expect(await held.allowed(replicas[0])).toBe(true);
    throw undone;
  });
  await expect(change).rejects.toBe(undone);
  for (const each of replicas) {
    expect(await held.allowed(each)).toBe(true);
    expect(await held.claimed(each)).toEqual([held.permission]);
    expect(each.statements).toHaveLength(each === replicas[0] ? 3 : 2);
  }
});

test('overlapping roles give the permissions that the database gives, once each and in its order', async () => {
  const held = await holder();
  await makeRole('left', ['a-b:x', 'a_b:x', 'zoo:x', 'common:x']);
  await makeRole('right', ['a-c:x', 'a_c:x', 'common:x', 'b1:x']);
  await makeRole('factor', ['a_a:x', 'secret:x']);
  await run(sql`update roles set mfa_required = true where name = 'factor'`);
  await run(sql`insert into user_roles
    select ${held.who.id}::uuid, r, now() from unnest(array['right', 'left', 'factor', 'user']) as r on conflict do nothing`);
  const claimed = await held.claimed(replicas[0]);
  expect(claimed).toEqual((await present(held)).permissions);
  expect(claimed).not.toEqual(claimed.toSorted());
  expect(claimed).toHaveLength(8);
  await run(sql`update sessions set amr = '{pwd,otp,mfa}' where user_id = ${held.who.id}::uuid`);
  const proven = await effectiveGrants(world.deps.db, { userId: held.who.id, proven: sql`true` });
  expect(await held.claimed(replicas[0])).toEqual(proven.permissions);
  expect(proven.permissions).toHaveLength(10);
  expect(await held.allowed(replicas[0], 'secret:x')).toBe(true);
});

describe('statements', () => {
  test('as long as no role changes, a refresh and a guarded request are one statement each', async () => {
    const held = await holder();
    const [{ statements }] = replicas;
    for (let time = 0; time < 3; time++) await held.claimed(replicas[0]);
    for (let time = 0; time < 3; time++) await held.allowed(replicas[0]);
    expect(statements).toHaveLength(6);
    expect(statements.filter(text => text.includes('role_permissions'))).toEqual([]);
  });

  test('after a change, all that ask at once share one reading', async () => {
    const held = await holder();
    const [one] = replicas;
    await run(sql`update roles set description = 'changed' where name = ${held.role}`);
    const asked = await Promise.all(Array.from({ length: 10 }, () => held.allowed(one)));
    expect(asked).toEqual(Array(10).fill(true));
    expect(one.statements.filter(text => text.includes('role_permissions'))).toHaveLength(1);
  });
});

describe('a change between the statement of the user and the reading of the roles', () => {
  // In one commit the holder goes to another role, and the former role gets what the holder was never meant to have.
  async function swap({ who, role, permission }: Holder): Promise<void> {
    await world.deps.db.transaction(async tx => {
      await tx.run(
        sql`insert into roles (name, description, created_at) values (${`${role}-next`}, '', now())`,
      );
      await tx.run(sql`insert into role_permissions values (${`${role}-next`}, ${permission})`);
      await tx.run(sql`insert into role_permissions values (${role}, 'users:write')`);
      await tx.run(
        sql`update user_roles set role_name = ${`${role}-next`} where user_id = ${who.id}::uuid and role_name = ${role}`,
      );
    });
  }
  const touch = (role: string) => run(sql`update roles set description = 'changed' where name = ${role}`);

  test('mixes nothing in a guarded request', async () => {
    const held = await holder();
    const [one] = replicas;
    await touch(held.role);
    one.hooks.push({ text: DEFINITIONS, before: () => swap(held) });
    expect(await held.allowed(one, 'users:write')).toBe(false);
    expect(one.hooks).toEqual([]);
  });

  test('mixes nothing in a refresh', async () => {
    const held = await holder();
    const [one] = replicas;
    await touch(held.role);
    one.hooks.push({ text: DEFINITIONS, before: () => swap(held) });
    expect(await held.claimed(one)).toEqual([held.permission]);
    expect(one.hooks).toEqual([]);
  });

  test('mixes nothing for whoever joins a reading that is older than what was seen', async () => {
    const held = await holder();
    const [one] = replicas;
    await touch(held.role);
    let later: Promise<boolean> | undefined;
    one.hooks.push({
      text: DEFINITIONS,
      async after() {
        await run(sql`delete from role_permissions where role_name = ${held.role}`);
        const bearer = Promise.withResolvers<void>();
        one.hooks.push({ text: 'from sessions s', after: async () => bearer.resolve() });
        later = held.allowed(one);
        await bearer.promise;
      },
    });
    expect(await held.allowed(one)).toBe(true);
    expect(await later).toBe(false);
    expect(await held.allowed(one)).toBe(false);
  });
});

test('without a version nothing is kept', async () => {
  const held = await holder();
  await run(sql`delete from role_versions`);
  expect(await held.allowed(replicas[0])).toBe(true);
  await run(sql`delete from role_permissions where role_name = ${held.role}`);
  expect(await held.allowed(replicas[0])).toBe(false);
  expect(await held.claimed(replicas[0])).toEqual([]);
  await run(sql`insert into role_versions (version) values (gen_random_uuid())`);
  expect(await held.claimed(replicas[0])).toEqual([]);
});
