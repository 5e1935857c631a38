import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { importText } from '../../test/support/import-text.ts';
import { person } from '../../test/support/people.ts';
import { signupSteps } from '../../test/support/signup-steps.ts';
import { sql } from '../platform/sql.ts';
import { replaceAddress } from './address.ts';
import { findAccountById } from './find.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());
const { step1, step2 } = signupSteps(() => world);

test.each<[string, (email: string) => Promise<unknown>]>([
  ['a new account', email => person(world, { email, verified: false })],
  ['a sign-up', async email => step2(email, (await step1(email)).json().signup_token)],
  [
    'a change of address',
    async address => {
      const { db } = world.deps;
      const { id } = await person(world);
      const account = await findAccountById(db, id);
      return db.transaction(tx => replaceAddress(world.deps, tx, { account: account as never, address }));
    },
  ],
  ['an import', email => importText(world.deps, JSON.stringify({ email }))],
])('%s does not take over when the former owner of its address had verified it', async (_what, take) => {
  const { clock, db, random } = world.deps;
  const email = `${random.uuid()}@example.com`;
  const former = await person(world);
  const now = clock.now();
  await db.run(sql`
    insert into identifiers (key, user_id, kind, reserved_until, verified_at)
    values (${email}, ${former.id}::uuid, 'reserved', ${now}::timestamptz, ${now}::timestamptz)`);
  await take(email);
  const name = await db.row<{ user_id: string }>(
    sql`select user_id, kind, verified_at from identifiers where key = ${email}`,
  );
  expect(name).toMatchObject({ kind: 'email', verified_at: null });
  expect(name?.user_id).not.toBe(former.id);
});
