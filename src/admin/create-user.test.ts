import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, person } from '../../test/support/people.ts';

let world: TestApp;
let token: string;
beforeAll(async () => {
  world = await testApp();
  token = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
});
afterAll(() => world.close());

test.each([
  [{}, ['grace.h', '', 'grace.h']],
  [{ first_name: null, last_name: null, full_name: null }, ['grace.h', '', 'grace.h']],
  [{ last_name: 'Hopper' }, ['grace.h', 'Hopper', 'grace.h Hopper']],
  [{ full_name: 'Grace Brewster Hopper' }, ['Grace', 'Brewster Hopper', 'Grace Brewster Hopper']],
  [{ first_name: 'Grace', full_name: 'Grace Hopper' }, ['Grace', 'Hopper', 'Grace Hopper']],
  [{ first_name: 'Grace', last_name: 'Hopper', full_name: 'Admiral' }, ['Grace', 'Hopper', 'Admiral']],
])('an account that an administrator makes of %j has a whole name', async (given, names) => {
  const body = { email: `grace.h@${world.deps.random.uuid()}.example`, ...given };
  const made = await world.call('POST', '/users', { token, body });
  const { first_name, last_name, full_name } = made.json();
  expect([made.statusCode, [first_name, last_name, full_name]]).toEqual([201, names]);
});

test.each([{ first_name: '' }, { first_name: ' ' }, { full_name: '\u0007' }, { last_name: 'x'.repeat(101) }])(
  '%j is no name',
  async given => {
    const body = { email: `grace.h@${world.deps.random.uuid()}.example`, ...given };
    const refused = await world.call('POST', '/users', { token, body });
    expect([refused.statusCode, refused.json().detail[0].loc]).toEqual([
      422,
      ['body', ...Object.keys(given)],
    ]);
  },
);
