import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';
import { enqueueMail, enqueueSms, insertMail, prepareMail, sealContext, withdrawTexts } from './enqueue.ts';

let deps: TestDeps;
beforeAll(async () => {
  deps = await testDeps();
});
afterAll(() => deps.close());

test('a mail is queued with its cause, and its secret is readable to nobody who reads the table', async () => {
  const token = deps.random.bytes(32).toString('base64url');
  await deps.db.transaction(tx =>
    enqueueMail(deps, tx, { template: 'verify-email', to: 'ada@example.com', secrets: { token } }),
  );
  const row = await deps.db.row<{ id: string; sealed: Buffer; whole: string }>(
    sql`select id, secrets_sealed as sealed, outbox::text as whole from outbox where recipient = 'ada@example.com'`,
  );
  expect(row?.whole).not.toContain(token);
  expect(row?.sealed.toString('latin1')).not.toContain(token);
  expect(
    JSON.parse(deps.secrets.open(sealContext(row?.id ?? ''), row?.sealed ?? Buffer.of()).toString()),
  ).toEqual({
    token,
  });
  expect(() => deps.secrets.open(sealContext(deps.random.uuid()), row?.sealed ?? Buffer.of())).toThrow(
    /authenticate/,
  );
});

test('a transaction that rolls back queues nothing', async () => {
  const failed = deps.db.transaction(async tx => {
    await enqueueMail(deps, tx, { template: 'password-changed', to: 'nobody@example.com' });
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(await deps.db.rows(sql`select from outbox where recipient = 'nobody@example.com'`)).toEqual([]);
});

test('an address that could become two recipients or a header is refused', async () => {
  for (const to of ['a@x.test, b@x.test', 'a@x.test\r\nBcc: b@x.test', '<a@x.test>', 'no-at', '']) {
    const queued = deps.db.transaction(tx => enqueueMail(deps, tx, { template: 'account-closed', to }));
    await expect(queued).rejects.toThrow('exactly one address');
  }
  const texted = deps.db.transaction(tx =>
    enqueueSms(deps, tx, { template: 'sms-login', to: '0712345678', secrets: { code: '1' } }),
  );
  await expect(texted).rejects.toThrow('E.164');
});

test("a message can be part of a caller's statement, and follows its row or its absence", async () => {
  const row = prepareMail(deps, {
    template: 'new-device',
    to: 'cte@example.com',
    userId: sql`found.id`,
    params: { ip: '203.0.113.7' },
  });
  const insertWhere = (condition: boolean) =>
    deps.db.run(sql`with found as (select null::uuid as id where ${condition}::boolean),
      queued as (${insertMail(row, sql`found`)} returning id) select id from queued`);
  expect(await insertWhere(false)).toBe(0);
  expect(await insertWhere(true)).toBe(1);
});

test('a new code takes the place of one of its own kind, and a phone that is removed leaves the mails of its owner', async () => {
  const { id: userId, email: to } = await person({ deps });
  const secrets = { code: '042042' };
  const phone = { to: '+254712345678', userId, secrets };
  const waiting = async () => {
    const rows = await deps.db.rows<{ template: string }>(sql`
      select template from outbox where user_id = ${userId}::uuid and dead_at is null order by id`);
    return rows.map(({ template }) => template);
  };
  await deps.db.transaction(async tx => {
    await enqueueMail(deps, tx, { template: 'verify-email', to, userId, secrets: { token: 'x' } });
    await enqueueSms(deps, tx, { template: 'sms-login', ...phone });
    await enqueueSms(deps, tx, { template: 'sms-enrol', ...phone });
    await enqueueSms(deps, tx, { template: 'sms-login', ...phone });
  });
  expect(await waiting()).toEqual(['verify-email', 'sms-enrol', 'sms-login']);
  await deps.db.transaction(tx => withdrawTexts(deps, tx, userId));
  expect(await waiting()).toEqual(['verify-email']);
});
