import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { importText } from '../../test/support/import-text.ts';
import { mailedToken } from '../../test/support/mails.ts';
import { member, person } from '../../test/support/people.ts';
import { signupSteps } from '../../test/support/signup-steps.ts';
import { addSeconds } from '../platform/clock.ts';
import { sql } from '../platform/sql.ts';
import { replaceAddress } from './address.ts';
import { findAccountByAddress, findAccountById, findAccountByLogin } from './find.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());
const { step1, step2 } = signupSteps(() => world);

const ways: [string, (email: string) => Promise<unknown>][] = [
  ['a new account', email => person(world, { email, verified: false })],
  ['a sign-up', async email => step2(email, (await step1(email)).json().signup_token)],
  [
    'a change of address',
    async email => {
      const { token } = await member(world);
      await world.call('PUT', '/users/me', { token, body: { email } });
      const link = await mailedToken(world, 'email-change-confirm', email);
      return world.call('POST', `/verify-email/${link}`);
    },
  ],
  [
    'a change that was begun before',
    async address => {
      const { db } = world.deps;
      const { id } = await person(world);
      const account = await findAccountById(db, id);
      return db.transaction(tx => replaceAddress(world.deps, tx, { account: account as never, address }));
    },
  ],
  ['an import', email => importText(world.deps, JSON.stringify({ email }))],
];

/** An address that is kept for its former owner for so many seconds more. */
async function kept(seconds: number) {
  const { clock, db, random } = world.deps;
  const email = `${random.uuid()}@example.com`;
  const former = await person(world);
  const until = addSeconds(clock.now(), seconds);
  await db.run(sql`
    insert into identifiers (key, user_id, kind, reserved_until, verified_at)
    values (${email}, ${former.id}::uuid, 'reserved', ${until}::timestamptz, ${clock.now()}::timestamptz)`);
  return { email, former };
}

const holderOf = (email: string) =>
  world.deps.db.row<{ user_id: string }>(
    sql`select user_id, kind, verified_at from identifiers where key = ${email}`,
  );

test.each(ways)(
  '%s does not take over when the former owner of its address had verified it',
  async (_what, take) => {
    const { email, former } = await kept(0);
    await take(email);
    const name = await holderOf(email);
    expect(name).toMatchObject({ kind: 'email', verified_at: null });
    expect(name?.user_id).not.toBe(former.id);
  },
);

test.each(ways)('%s does not get an address that is still kept for its former owner', async (_what, take) => {
  const { email, former } = await kept(1);
  const before = await holderOf(email);
  expect(before).toMatchObject({ kind: 'reserved', user_id: former.id });
  await Promise.resolve(take(email)).catch(() => {});
  expect(await holderOf(email)).toEqual(before);
});

test('an address that is kept for its former owner names nobody', async () => {
  const { email } = await kept(1);
  expect(await findAccountByLogin(world.deps.db, email)).toBeNull();
  expect(await findAccountByAddress(world.deps.db, email)).toBeNull();
});
