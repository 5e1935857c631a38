// A program that verifies tokens by itself knows of an ended session only what Redis is told (docs/redis.md).
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { setPasswordOf } from '../src/admin/set-password.ts';
import { issueChallenge } from '../src/challenges/issue.ts';
import { enqueueMail } from '../src/delivery/enqueue.ts';
import { noticeToken } from '../src/delivery/notice.ts';
import { disownNotice } from '../src/notices/disown.ts';
import { sql } from '../src/platform/sql.ts';
import { type TestApp, testApp } from './support/app.ts';
import { type TestIssuer, testIssuer } from './support/issuer.ts';
import { mailedToken, mailsTo } from './support/mails.ts';
import { acceptInvitation, logIn, member, type Person, person } from './support/people.ts';

let issuer: TestIssuer;
let world: TestApp;
let admin: string;
let told: ReturnType<typeof vi.spyOn>;
beforeAll(async () => {
  issuer = await testIssuer(() => world.deps.clock.now());
  world = await testApp({
    signInByMail: true,
    google: { clientIds: ['client-1'], clientSecret: null, issuer: issuer.url },
  });
  admin = (await member(world, { roles: ['admin'] })).token;
  told = vi.spyOn(world.deps.cache, 'publishRevocation');
});
afterAll(async () => {
  await world.close();
  await issuer.close();
});
beforeEach(() => void told.mockClear());

const call: TestApp['call'] = (...request) => world.call(...request);
const verified = (work: (who: Person, token: string) => Promise<unknown>) => ({ verified: true, work });
const unverified = (work: (who: Person) => Promise<unknown>) => ({ verified: false, work });

const byGoogle = async ({ email, id }: Person) => {
  const body = { token: await issuer.idToken({ sub: id, email }) };
  return call('POST', '/signup/google', { body });
};

type Ending = ReturnType<typeof verified> | ReturnType<typeof unverified>;
const endings: [string, Ending][] = [
  [
    'an administrator who logs somebody out',
    verified(({ id }) => call('POST', `/users/${id}/logout`, { token: admin })),
  ],
  [
    'an administrator who disables an account',
    verified(({ id }) => call('PATCH', `/users/${id}`, { token: admin, body: { disabled: true } })),
  ],
  [
    'an administrator who removes an account',
    verified(({ id }) => call('DELETE', `/users/${id}`, { token: admin })),
  ],
  ['somebody who closes their account', verified((_, token) => call('DELETE', '/users/me', { token }))],
  [
    'an operator who sets a password',
    verified(async account => {
      const hash = await world.deps.hasher.hash('Another-horse-9');
      const operator = { kind: 'operator', caller: null, permissions: new Set<string>() } as const;
      await setPasswordOf(world.deps, operator, { account, hash });
    }),
  ],
  [
    'the mailed link that removes a password',
    verified(async ({ id: userId, email: sentTo }) => {
      const link = { purpose: 'remove-password', userId, sentTo, lifetime: 60 } as const;
      const { token } = await issueChallenge(world.deps, world.deps.db, link);
      await call('POST', '/password/remove', { body: { token } });
    }),
  ],
  [
    'the undo of a change of address',
    verified(async ({ email }, token) => {
      const next = `next-${email}`;
      await call('PUT', '/users/me', { token, body: { email: next } });
      await call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', next)}`);
      const body = { token: await mailedToken(world, 'email-changed', email) };
      await call('POST', '/email-change/undo', { body });
    }),
  ],
  [
    'a notice that somebody disowns',
    verified(async ({ id: userId, email: to }) => {
      const { db, secrets } = world.deps;
      await db.transaction(tx =>
        enqueueMail(world.deps, tx, { template: 'password-changed', to, userId, params: {} }),
      );
      const row = await db.row<{ id: string }>(sql`select id from outbox order by id desc limit 1`);
      const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };
      await disownNotice(world.deps, caller, noticeToken(secrets, row?.id ?? ''));
    }),
  ],
  ['a provider that is linked by the address', verified(byGoogle)],
  ['a provider that proves the mailbox first', unverified(byGoogle)],
  [
    'a mailed sign-in that proves the mailbox first',
    unverified(async ({ email }) => {
      const { request_token } = (await call('POST', '/token/email', { body: { email } })).json();
      const code = (await mailsTo(world, email)).at(-1)?.secrets.code;
      await call('POST', '/token/email/verify', { body: { request_token, code } });
    }),
  ],
  [
    'an invitation that proves the mailbox first',
    unverified(async ({ email }) => {
      await call('POST', '/invitations', { token: admin, body: { email, roles: ['user'] } });
      await acceptInvitation(world, await mailedToken(world, 'invitation', email));
    }),
  ],
];

/** Somebody who has logged in on two devices. */
async function onTwoDevices(isVerified: boolean) {
  const who = await person(world, { verified: isVerified });
  return { who, tokens: [(await logIn(world, who)).access_token, (await logIn(world, who)).access_token] };
}

test.each(endings)(
  '%s has Redis told of every session that ends',
  async (_what, { verified: isVerified, work }) => {
    const { who, tokens } = await onTwoDevices(isVerified);
    const sids = tokens.map(token => world.deps.keys.verify(token).sid);
    await work(who, tokens[0] as string);
    const { accessLifetime } = world.deps.config.tokens;
    const calls = [...told.mock.calls];
    expect(calls).toHaveLength(sids.length);
    expect(calls).toEqual(expect.arrayContaining(sids.map(sid => ['sid', sid, accessLifetime])));
  },
);

// Whoever was logged in may be the one from whom the account is taken back.
const FORGETTING = new Set([
  'an administrator who logs somebody out',
  'an operator who sets a password',
  'the mailed link that removes a password',
  'the undo of a change of address',
  'a notice that somebody disowns',
]);
test.each(endings.filter(([what]) => FORGETTING.has(what)))(
  '%s makes a stranger of every device',
  async (_what, { verified: isVerified, work }) => {
    const { who, tokens } = await onTwoDevices(isVerified);
    await work(who, tokens[0] as string);
    const known = await world.deps.db.rows(sql`select id from known_devices where user_id = ${who.id}::uuid`);
    expect(known).toEqual([]);
  },
);
