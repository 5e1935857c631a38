import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Account } from '../../src/accounts/account.ts';
import { findAccountById } from '../../src/accounts/find.ts';
import { answerSecondFactor, demandSecondFactor } from '../../src/authentication/second-factor.ts';
import type { Problem } from '../../src/platform/problems.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { member, type Person } from '../support/people.ts';
import { addTotp } from '../support/totp.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };
const identity = { issuer: 'https://issuer.example', subject: 'linked' };

const proofs: [string, (who: Person) => object, (who: Person) => Promise<unknown>][] = [
  [
    "a provider's identity",
    () => ({ amr: ['fed'], identity }),
    () => service.deps.db.run(sql`delete from identities where subject = ${identity.subject}`),
  ],
  [
    'a mailbox',
    ({ email }) => ({ amr: ['otp'], mailbox: email }),
    ({ id }) => service.deps.db.run(sql`update users set email = 'owner@example.com' where id = ${id}::uuid`),
  ],
];

test.each(proofs)(
  '%s that is gone once the second factor is answered lets nobody in',
  async (_what, proven, remove) => {
    const { who, token } = await member(service);
    const { clock, db } = service.deps;
    const [first = '', second = ''] = (await addTotp(service, token)).recoveryCodes;
    await db.run(sql`
    insert into identities (issuer, subject, user_id, provider, created_at)
    values (${identity.issuer}, ${identity.subject}, ${who.id}::uuid, 'example', ${clock.now()})`);
    const account = (await findAccountById(db, who.id)) as Account;
    const proof = { account, amr: [], subject: null, deviceId: null, ...proven(who) };
    const answer = async (recovery: string) => {
      const demand = await demandSecondFactor(service.deps, caller, proof).catch((error: Problem) => error);
      const mfaToken = String(demand.members.mfa_token);
      return { mfaToken, factor: 'recovery_code', code: recovery } as const;
    };
    expect(await answerSecondFactor(service.deps, caller, await answer(first))).toHaveProperty(
      'access_token',
    );
    const late = await answer(second);
    await remove(who);
    await expect(answerSecondFactor(service.deps, caller, late)).rejects.toMatchObject({
      code: 'invalid_mfa_token',
    });
  },
);
