import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lockAccount } from '../../src/accounts/find.ts';
import type { Purpose } from '../../src/challenges/challenge.ts';
import { issueChallenge } from '../../src/challenges/issue.ts';
import type { Tx } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { mailedToken, mailsTo } from '../support/mails.ts';
import { type Member, member, PASSWORD } from '../support/people.ts';
import { beginTotp } from '../support/totp.ts';
import { waitingForLock } from '../support/waiting-for-lock.ts';

const NEW = 'Entirely-other-7';
const OTHER = 'Yet-another-one-8';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({
    sms: { webhook: { url: 'http://127.0.0.1:9', secret: 'sixteen bytes or more' } },
  });
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

async function enrolling({ token }: Member): Promise<Call> {
  const code = (await beginTotp(world, token))();
  return () => world.call('POST', '/mfa/totp/confirm', { token, body: { code } });
}

async function enrollingPhone({ who, token }: Member): Promise<Call> {
  const number = `+2547${String(10_000_000 + ++numbers)}`;
  await world.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
  const code = (await mailsTo(world, number)).at(-1)?.secrets.code;
  expect(code, who.id).toMatch(/^\d{6}$/);
  return () => world.call('POST', '/mfa/sms/confirm', { token, body: { code } });
}
let numbers = 0;

const removingFactor =
  (kind: 'totp' | 'sms'): Prepare =>
  async ada => {
    expect((await (await (kind === 'totp' ? enrolling : enrollingPhone)(ada))()).statusCode).toBe(200);
    return () => world.call('DELETE', `/mfa/${kind}`, { token: ada.token });
  };

async function makingRecoveryCodes(ada: Member): Promise<Call> {
  expect((await (await enrolling(ada))()).statusCode).toBe(200);
  return () => world.call('POST', '/mfa/recovery-codes', { token: ada.token });
}

async function losingFactors(ada: Member): Promise<Call> {
  expect((await (await enrolling(ada))()).statusCode).toBe(200);
  const now = world.deps.clock.now();
  await world.deps.db.run(sql`
    insert into factor_removals (user_id, requested_at, due_at, requester_kind)
    values (${ada.who.id}::uuid, ${now}, ${now}, 'operator')`);
  return () => world.call('POST', '/token', { form: { username: ada.who.email, password: PASSWORD } });
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
        (select count(*) from (select from factors where user_id = ${userId}::uuid ${free}) as f) as factors,
      (select count(*) from recovery_codes where user_id = ${userId}::uuid) >
        (select count(*) from (select from recovery_codes where user_id = ${userId}::uuid ${free}) as f) as codes`);
  return Object.entries(row ?? {}).flatMap(([table, held]) => (held ? [table] : []));
}

describe('whoever waits for an account holds nothing else of it, so that no two wait for each other:', () => {
  test.each<[string, Prepare]>([
    ['a reset', resetting],
    ['a verification', verifying],
    ['a new address', changingAddress],
    ['the removal of a password by its link', removingPassword],
    ['a change of the password', changingPassword],
    ['a new factor', enrolling],
    ['the removal of a factor', removingFactor('totp')],
    ['new recovery codes', makingRecoveryCodes],
    ['the removal of lost factors', losingFactors],
  ])('%s', async (_what, prepare) => {
    const ada = await member(world, { verified: false });
    await verifying(ada);
    await resetting(ada);
    const call = await prepare(ada);
    let answer: ReturnType<Call> | undefined;
    await world.deps.db.transaction(async tx => {
      await lockAccount(tx, ada.who.id);
      answer = call();
      await waitingForLock(world.deps.db);
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

describe('whatever order two changes of factors at once come in, the account says what is left:', () => {
  const left = ({ who }: Member) =>
    world.deps.db.row<{ enabled: boolean; factors: number; codes: number }>(sql`
      select mfa_enabled as enabled, (select count(*) from factors f where f.user_id = u.id and confirmed_at is not null)
        as factors, (select count(*) from recovery_codes c where c.user_id = u.id) as codes
      from users u where u.id = ${who.id}::uuid`);

  test.each<[string, Prepare, Prepare, object]>([
    ['two removals', removingFactor('totp'), removingFactor('sms'), { enabled: false, factors: 0, codes: 0 }],
    [
      'a removal and a new factor',
      removingFactor('totp'),
      enrollingPhone,
      { enabled: true, factors: 1, codes: 10 },
    ],
    [
      'a removal and new recovery codes',
      removingFactor('sms'),
      async ({ token }) =>
        () =>
          world.call('POST', '/mfa/recovery-codes', { token }),
      { enabled: false, factors: 0, codes: 0 },
    ],
  ])('%s', async (_what, one, other, expected) => {
    for (let round = 0; round < 8; round++) {
      const ada = await member(world);
      const calls = [await one(ada), await other(ada)];
      const answers = await Promise.all((round % 2 === 0 ? calls : calls.toReversed()).map(call => call()));
      for (const { statusCode } of answers) expect(statusCode).toBeLessThan(500);
      expect(await left(ada)).toEqual(expected);
    }
  });
});
