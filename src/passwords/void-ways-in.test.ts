import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { person } from '../../test/support/people.ts';
import type { Purpose } from '../challenges/challenge.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { sql } from '../platform/sql.ts';
import { voidWaysIn } from './void-ways-in.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const WAYS_IN: Purpose[] = [
  'change-email',
  'mfa',
  'oauth-code',
  'remove-password',
  'reset-password',
  'sign-in',
  'sms-login',
];
const OTHERS: Purpose[] = ['undo-email-change', 'verify-email'];

test.each<[Purpose | undefined, Purpose[]]>([
  [undefined, OTHERS],
  ['remove-password', ['remove-password', ...OTHERS]],
])(
  'each way in ends with a password, but for the one that is spared (%s) and what undoes or proves something',
  async (except, left) => {
    const { deps } = world;
    const { id: userId } = await person(world);
    for (const purpose of [...WAYS_IN, ...OTHERS])
      await issueChallenge(deps, deps.db, { purpose, userId, lifetime: 60 });
    await deps.db.transaction(tx => voidWaysIn(deps, tx, userId, except && { except }));
    const open = await deps.db.rows<{ purpose: string }>(sql`
    select purpose from challenges where user_id = ${userId}::uuid and consumed_at is null order by purpose`);
    expect(open.map(({ purpose }) => purpose)).toEqual(left);
  },
);
