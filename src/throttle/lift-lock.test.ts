import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type Person, person } from '../../test/support/people.ts';
import { resets } from '../../test/support/resets.ts';
import { setPasswordOf } from '../admin/set-password.ts';
import { sql } from '../platform/sql.ts';
import { lockoutsOf, takeAttempt } from './lockout.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const { confirm, linkFor } = resets(() => world);
const byMail = async (who: Person) => void (await confirm(await linkFor(who)));
const byOperator = async (who: Person) => {
  const hash = await world.deps.hasher.hash('Operator-engine-1900');
  const operator = { kind: 'operator', caller: null, permissions: new Set<string>() } as const;
  await setPasswordOf(world.deps, operator, { account: who, hash });
};

test.for([
  { by: 'a mailed reset', verified: true, act: byMail, reason: 'password_reset' },
  { by: 'the first proof of the mailbox', verified: false, act: byMail, reason: 'mailed_reset' },
  { by: 'the operator', verified: true, act: byOperator, reason: 'password_set' },
])('a lock that $by ends is recorded as lifted, and failures that locked nobody are not', async given => {
  const { deps } = world;
  for (const failures of [4, 5]) {
    const ada = await person(world, { verified: given.verified });
    for (let turn = 0; turn < failures; turn++) await takeAttempt(deps, deps.db, { userId: ada.id });
    await given.act(ada);
    expect(await lockoutsOf(deps.db, ada.id)).toEqual([]);
    const lifted = await deps.db.rows(sql`
      select reason from audit_events where user_id = ${ada.id}::uuid and type = 'lockout.lifted'`);
    expect(lifted).toEqual(failures === 5 ? [{ reason: given.reason }] : []);
  }
});
