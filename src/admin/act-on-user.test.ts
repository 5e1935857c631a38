import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, member, type Person, person } from '../../test/support/people.ts';
import { resets } from '../../test/support/resets.ts';
import { sql } from '../platform/sql.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { removeUser, setUserRoles } from './act-on-user.ts';
import { setPasswordOf } from './set-password.ts';

let world: TestApp;
let admin: string;
beforeAll(async () => {
  world = await testApp();
  admin = (await member(world, { roles: ['admin'] })).token;
});
afterAll(() => world.close());

const { confirm, linkFor, logsIn } = resets(() => world);

test('a link that was mailed before an account was disabled is void once it is enabled again', async () => {
  const ada = await person(world);
  const link = await linkFor(ada);
  for (const disabled of [true, false]) {
    const answer = await world.call('PATCH', `/users/${ada.id}`, { token: admin, body: { disabled } });
    expect(answer.json().disabled).toBe(disabled);
  }
  expect((await confirm(link)).json().code).toBe('invalid_reset_token');
  expect((await confirm(await linkFor(ada))).statusCode).toBe(200);
});

test('whom an administrator logs out counts as a stranger on every device', async () => {
  const ada = await person(world);
  await logIn(world, ada);
  expect((await world.call('POST', `/users/${ada.id}/logout`, { token: admin })).statusCode).toBe(204);
  const { access_token: token } = await logIn(world, ada);
  const { items } = (await world.call('GET', '/users/me/devices', { token })).json();
  expect(items).toMatchObject([{ current: true }]);
});

test('a password that the operator sets lifts the lock of strangers who guessed at the one before', async () => {
  const ada = await person(world);
  for (let tried = 0; tried < 5; tried++) await logsIn(ada, 'wrong');
  expect(await logsIn(ada, ada.password)).toBe(false);
  const hash = await world.deps.hasher.hash('Another-horse-9');
  const operator = { kind: 'operator', caller: null, permissions: new Set<string>() } as const;
  await setPasswordOf(world.deps, operator, { account: ada, hash });
  expect(await logsIn(ada, 'Another-horse-9')).toBe(true);
});

test('who has one name only keeps it when an administrator sends back what was read, and nobody loses the last name so', async () => {
  const [plato, ada] = [await person(world), await person(world)];
  await world.deps.db.run(sql`update users set last_name = '' where id = ${plato.id}::uuid`);
  const body = { first_name: 'Plato', last_name: '', disabled: false };
  const patch = async ({ id }: Person) => world.call('PATCH', `/users/${id}`, { token: admin, body });
  expect((await patch(plato)).json()).toMatchObject({
    first_name: 'Plato',
    last_name: '',
    full_name: 'Plato',
  });
  const refused = (await patch(ada)).json();
  expect(refused.detail).toMatchObject([{ type: 'string_too_short', loc: ['body', 'last_name'] }]);
});

test('the operator takes the role of the last administrator, or the account, where it is disabled and only then', async () => {
  const alone = await testApp();
  try {
    const { deps } = alone;
    const operator = await operatorGranter(deps.db);
    const last = { code: 'last_administrator' };
    for (const act of [
      (id: string) => setUserRoles(deps, operator, id, ['user']),
      (id: string) => removeUser(deps, operator, id),
    ]) {
      const { id } = await person(alone, { roles: ['admin'] });
      await expect(act(id)).rejects.toMatchObject(last);
      await deps.db.run(sql`update users set disabled_at = ${deps.clock.now()} where id = ${id}::uuid`);
      await act(id);
    }
    // Without any administrator, others are no administrators either.
    await removeUser(deps, operator, (await person(alone)).id);
  } finally {
    await alone.close();
  }
});
