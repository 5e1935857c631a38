import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type Member, member, type Person } from '../../test/support/people.ts';
import { demandedOf, type SmsProvider, smsProvider, textedCode } from '../../test/support/sms.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { answerSecondFactor } from '../authentication/second-factor.ts';
import { listOutbox, requeue } from '../delivery/outbox.ts';
import { type Delivery, startDelivery } from '../delivery/worker.ts';
import { claimMailbox } from '../passwords/claim-mailbox.ts';
import { sql } from '../platform/sql.ts';
import { carryOutRemoval } from './removal.ts';
import { textLoginCode } from './sms.ts';

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };
let place = 0;

let provider: SmsProvider;
let service: TestApp;
let delivery: Delivery;
beforeAll(async () => {
  provider = await smsProvider();
  service = await testApp({
    sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' }, countries: ['KE'] },
  });
  delivery = startDelivery(service.deps, { pollSeconds: 0.05 });
});
afterAll(async () => {
  await delivery.stop();
  await service.close();
  await provider.close();
});

const nextCode = (number: string, count: number) => textedCode(provider, number, count);

const demand = (who: Person) => demandedOf(service, who);

test('a code that was texted to a phone which its owner has replaced meanwhile answers no login', async () => {
  const { who, token } = await member(service);
  const [lost, next] = ['+254712345681', '+254712345682'];
  const setUp = async (phone_number: string) => {
    await service.call('POST', '/mfa/sms', { token, body: { phone_number } });
    const body = { code: await nextCode(phone_number, 1) };
    expect((await service.call('POST', '/mfa/sms/confirm', { token, body })).statusCode).toBe(200);
  };
  await setUp(lost);
  const mfa_token = await demand(who);
  await service.call('POST', '/token/mfa/sms', { body: { mfa_token } });
  const code = await nextCode(lost, 2);
  expect((await service.call('DELETE', '/mfa/sms', { token })).statusCode).toBe(204);
  await setUp(next);
  const answer = await service.call('POST', '/token/mfa', { body: { mfa_token, factor: 'sms', code } });
  expect([answer.statusCode, answer.json().code]).toEqual([401, 'invalid_mfa_code']);
});

const removals: [string, (world: TestApp, member: Member) => Promise<unknown>][] = [
  ['its owner removes', (world, { token }) => world.call('DELETE', '/mfa/sms', { token })],
  [
    'a planned removal takes away',
    async ({ deps }, { who }) => {
      const now = deps.clock.now();
      await deps.db.run(sql`
        insert into factor_removals (user_id, requested_at, due_at, requester_kind)
        values (${who.id}::uuid, ${now}, ${now}, 'operator')`);
      expect(await carryOutRemoval(deps, who.id)).toBe(true);
    },
  ],
];

test.each(removals)(
  'nor does one of a phone that %s while the code is compared, or before the session starts',
  async (_what, remove) => {
    for (const [text, refusal] of [
      ['consumed_at = case', 'invalid_mfa_code'],
      ['set last_login_at', 'invalid_mfa_token'],
    ] as const) {
      const { who, token } = await member(service);
      const number = `+25471234569${place++}`;
      await service.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
      const body = { code: await nextCode(number, 1) };
      expect((await service.call('POST', '/mfa/sms/confirm', { token, body })).statusCode).toBe(200);
      const mfa_token = await demand(who);
      await service.call('POST', '/token/mfa/sms', { body: { mfa_token } });
      const code = await nextCode(number, 2);
      const { db, hooks } = watchedDatabase(service.deps.databaseUrl);
      try {
        hooks.push({ text, before: () => remove(service, { who, token }) });
        const deps = { ...service.deps, db };
        const answer = answerSecondFactor(deps, caller, { mfaToken: mfa_token, factor: 'sms', code });
        await expect(answer).rejects.toThrow(expect.objectContaining({ code: refusal }));
        expect(hooks).toEqual([]);
      } finally {
        await db.close();
      }
    }
  },
);

test.each([
  ...removals,
  [
    'goes as the owner of the mailbox claims the account',
    ({ deps }, { who }) =>
      deps.db.transaction(tx =>
        claimMailbox(deps, tx, {
          account: who,
          reason: 'provider',
          actor: { kind: 'user', id: who.id },
          caller,
        }),
      ),
  ],
] satisfies typeof removals)(
  'a code that still waits to be sent to a phone that %s is withdrawn',
  async (_what, remove) => {
    const waiting = await testApp({
      sms: { webhook: { url: provider.url, secret: 'sixteen bytes or more' }, countries: null },
    });
    try {
      const { deps } = waiting;
      const owner = await member(waiting);
      const other = await member(waiting);
      for (const { who } of [owner, other]) {
        await deps.db.run(sql`
        with phone as (
          insert into factors (id, user_id, kind, phone_number, created_at, confirmed_at)
          values (gen_random_uuid(), ${who.id}::uuid, 'sms', '+254712345612', ${deps.clock.now()}, ${deps.clock.now()}))
        update users set mfa_enabled = true where id = ${who.id}::uuid`);
        await textLoginCode(deps, { userId: who.id, loginId: deps.random.uuid(), caller });
      }
      await remove(waiting, owner);
      const texts = (await listOutbox(deps)).filter(({ channel }) => channel === 'sms');
      expect(texts.map(({ state, lastError }) => [state, lastError])).toEqual([
        ['waiting', null],
        ['expired', 'the phone was removed'],
      ]);
      await requeue(deps, {});
      expect((await listOutbox(deps)).filter(({ state }) => state === 'expired')).toHaveLength(1);
    } finally {
      await waiting.close();
    }
  },
);
