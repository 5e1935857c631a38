import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockAccount } from '../../src/accounts/find.ts';
import type { Purpose } from '../../src/challenges/challenge.ts';
import { issueChallenge } from '../../src/challenges/issue.ts';
import type { Tx } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { mailedToken } from '../support/mails.ts';
import { type Member, member, PASSWORD } from '../support/people.ts';

const NEW = 'Entirely-other-7';
const OTHER = 'Yet-another-one-8';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

type Call = () => Promise<{ readonly statusCode: number }>;
type Prepare = (ada: Member) => Promise<Call>;

async function linkOf({ who }: Member, purpose: Purpose): Promise<string> {
  const { deps } = world;
  const issued = { purpose, userId: who.id, sentTo: who.email, lifetime: 3600 };
  return (await issueChallenge(deps, deps.db, issued)).token;
}

async function resetting(ada: Member, password = NEW): Promise<Call> {
  const body = {
    token: await linkOf(ada, 'reset-password'),
    new_password: password,
    confirm_new_password: password,
  };
  return () => world.call('POST', '/password-reset/confirm', { body });
}

async function verifying(ada: Member): Promise<Call> {
  const token = await linkOf(ada, 'verify-email');
  return () => world.call('POST', `/verify-email/${token}`);
}

async function changingAddress({ token }: Member): Promise<Call> {
  const email = `${world.deps.random.uuid()}@example.com`;
  await world.call('PUT', '/users/me', { token, body: { email } });
  const confirm = await mailedToken(world, 'email-change-confirm', email);
  return () => world.call('POST', `/verify-email/${confirm}`);
}

async function removingPassword(ada: Member): Promise<Call> {
  const token = await linkOf(ada, 'remove-password');
  return () => world.call('POST', '/password/remove', { body: { token } });
}

async function changingPassword({ token }: Member): Promise<Call> {
  const body = { current_password: PASSWORD, new_password: OTHER, confirm_new_password: OTHER };
  return () => world.call('POST', '/users/me/password', { token, body });
}

async function waitingForLock(): Promise<void> {
  for (;;) {
    const waiting = await world.deps.db.row(sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' limit 1`);
    if (waiting !== null) return;
    await sleep(10);
  }
}

/** The tables of which somebody else has locked a row of this account's. */
async function heldByOthers(tx: Tx, userId: string): Promise<string[]> {
  const free = sql`for update skip locked`;
  const row = await tx.row<Record<string, boolean>>(sql`
    select
      (select count(*) from challenges where user_id = ${userId}::uuid) >
        (select count(*) from (select from challenges where user_id = ${userId}::uuid ${free}) as f) as challenges,
      (select count(*) from passwords where user_id = ${userId}::uuid) >
        (select count(*) from (select from passwords where user_id = ${userId}::uuid ${free}) as f) as passwords,
      (select count(*) from sessions where user_id = ${userId}::uuid) >
        (select count(*) from (select from sessions where user_id = ${userId}::uuid ${free}) as f) as sessions,
      (select count(*) from factors where user_id = ${userId}::uuid) >
        (select count(*) from (select from factors where user_id = ${userId}::uuid ${free}) as f) as factors`);
  return Object.entries(row ?? {}).flatMap(([table, held]) => (held ? [table] : []));
}

describe('whoever waits for an account holds nothing else of it, so that no two wait for each other:', () => {
  test.each<[string, Prepare]>([
    ['a reset', resetting],
    ['a verification', verifying],
    ['a new address', changingAddress],
    ['the removal of a password by its link', removingPassword],
    ['a change of the password', changingPassword],
  ])('%s', async (_what, prepare) => {
    const ada = await member(world, { verified: false });
    await verifying(ada);
    await resetting(ada);
    const call = await prepare(ada);
    let answer: ReturnType<Call> | undefined;
    await world.deps.db.transaction(async tx => {
      await lockAccount(tx, ada.who.id);
      answer = call();
      await waitingForLock();
      expect(await heldByOthers(tx, ada.who.id)).toEqual([]);
    });
    expect((await answer)?.statusCode).toBeLessThan(300);
  });
});

describe('of two at once one works, and the other is refused:', () => {
  test.each<[string, Prepare, Prepare]>([
    ['two resets', resetting, resetting],
    ['two verifications', verifying, verifying],
    ['a reset and a change of the password', resetting, changingPassword],
  ])('%s', async (_what, one, other) => {
    for (let round = 0; round < 5; round++) {
      const ada = await member(world, { verified: false });
      const calls = [await one(ada), await other(ada)];
      const statuses = (await Promise.all(calls.map(call => call()))).map(({ statusCode }) => statusCode);
      expect(statuses.filter(status => status === 200 || status === 204)).toHaveLength(1);
      expect(statuses.filter(status => status >= 500)).toEqual([]);
    }
  });
});
