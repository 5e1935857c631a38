import { afterEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';
import { StartError } from '../platform/start-error.ts';
import { bootstrapAdmin } from './bootstrap.ts';

const email = 'root@example.com';
const password = 'Correct-horse-battery-7';
const bootstrap = { adminEmail: email, adminPassword: password };
let world: TestApp;
afterEach(() => world.close());

test('five replicas that start at once make one administrator, verified and able to log in', async () => {
  world = await testApp({ bootstrap });
  const made = await Promise.all(Array.from({ length: 5 }, () => bootstrapAdmin(world.deps)));
  expect(made.filter(Boolean)).toHaveLength(1);
  const { access_token: token } = await logIn(world, { id: '', email, password });
  expect((await world.call('GET', '/users/me', { token })).json()).toMatchObject({
    email,
    email_verified: true,
    roles: ['admin', 'user'],
  });
  expect(await bootstrapAdmin(world.deps)).toBe(false);
});

test('where there is an administrator, nothing is made', async () => {
  world = await testApp({ bootstrap });
  await person(world, { roles: ['admin'] });
  expect(await bootstrapAdmin(world.deps)).toBe(false);
  expect(await world.deps.db.rows(sql`select from identifiers where key = ${email}`)).toEqual([]);
});

test('an address that is somebody’s stops the start, names the command, and promotes nobody', async () => {
  world = await testApp({ bootstrap: { ...bootstrap, adminEmail: 'Ada@Example.com' } });
  await person(world, { email: 'ada@example.com' });
  const refused = await bootstrapAdmin(world.deps).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StartError);
  expect(String(refused)).toContain('npm run cli -- users set-roles Ada@example.com admin user');
  expect(await world.deps.db.rows(sql`select from user_roles where role_name = 'admin'`)).toEqual([]);
});

test('the command that it names leaves that account the roles that it has', async () => {
  world = await testApp({ bootstrap });
  await world.deps.db.run(
    sql`insert into roles (name, description, created_at) values ('editor', '', now())`,
  );
  await person(world, { email, roles: ['editor', 'user'] });
  const refused = await bootstrapAdmin(world.deps).catch((error: unknown) => error);
  expect(String(refused)).toMatch(/users set-roles root@example\.com admin editor user$/);
});

test('a password that many use stops the start with one sentence for the operator', async () => {
  world = await testApp({ bootstrap: { ...bootstrap, adminPassword: 'Password1' } });
  const refused = await bootstrapAdmin(world.deps).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(StartError);
  expect((refused as Error).message).toMatch(
    /^BOOTSTRAP_ADMIN_PASSWORD breaks the password policy: This is one of the most used passwords/,
  );
  expect(await world.deps.db.rows(sql`select from user_roles where role_name = 'admin'`)).toEqual([]);
});
