import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, PASSWORD, type Person, person } from '../../test/support/people.ts';
import { createClient } from '../clients/create.ts';
import { sql } from '../platform/sql.ts';
import { liveRevocations } from './live-revocations.ts';

// What programs that verify tokens by themselves hear of in Redis.

const NEW = 'Entirely-other-7';

let service: TestApp;
let told: ReturnType<typeof vi.spyOn>;
let client: { readonly client_id: string; readonly client_secret: string };
beforeAll(async () => {
  service = await testApp();
  told = vi.spyOn(service.deps.cache, 'publishRevocation');
  const permissions = ['sessions:revoke'];
  const operator = {
    kind: 'operator',
    permissions: new Set(['clients:write', ...permissions]),
    caller: null,
  } as const;
  const { id, secret } = await createClient(service.deps, operator, { name: 'gateway', permissions });
  client = { client_id: id, client_secret: secret };
});
afterAll(() => service.close());
beforeEach(() => void told.mockClear());

interface Two {
  readonly who: Person;
  /** Who does it, and who else is logged in. */
  readonly here: Session;
  readonly there: Session;
}
type Session = Awaited<ReturnType<typeof session>>;

async function session(who: Person) {
  const { access_token: token, refresh_token: refresh } = await logIn(service, who);
  const { sid, jti } = service.deps.keys.verify(token);
  return { token, refresh, sid: sid ?? '', jti };
}

const endings: [string, (two: Two) => Promise<unknown>, (two: Two) => [kind: string, id: string][]][] = [
  [
    'a logout',
    ({ here: { token } }) => service.call('POST', '/logout', { token }),
    ({ here }) => [['sid', here.sid]],
  ],
  [
    'a logout from everywhere',
    ({ here: { token } }) => service.call('POST', '/logout/all', { token }),
    ({ who, here, there }) => [
      ['sid', here.sid],
      ['sid', there.sid],
      ['user', who.id],
    ],
  ],
  [
    'the end of another session',
    ({ here: { token }, there }) => service.call('DELETE', `/users/me/sessions/${there.sid}`, { token }),
    ({ there }) => [['sid', there.sid]],
  ],
  [
    'the removal of a device',
    async ({ here: { token } }) => {
      const { items } = (await service.call('GET', '/users/me/devices', { token })).json();
      const { id } = items.find(({ current }: { current: boolean }) => !current);
      await service.call('DELETE', `/users/me/devices/${id}`, { token });
    },
    ({ there }) => [['sid', there.sid]],
  ],
  [
    'the theft of a refresh token',
    async ({ here: { refresh } }) => {
      const { refresh_token } = (
        await service.call('POST', '/refresh-token', { body: { refresh_token: refresh } })
      ).json();
      await service.call('POST', '/refresh-token', { body: { refresh_token } });
      // More than once at the same time.
      const body = { refresh_token: refresh };
      await Promise.all([1, 2, 3].map(() => service.call('POST', '/refresh-token', { body })));
    },
    ({ here }) => [['sid', here.sid]],
  ],
  [
    'a client that revokes a refresh token',
    ({ here: { refresh } }) => service.call('POST', '/revoke', { form: { token: refresh, ...client } }),
    ({ here }) => [['sid', here.sid]],
  ],
  [
    'a client that revokes an access token',
    ({ here: { token } }) => service.call('POST', '/revoke', { form: { token, ...client } }),
    ({ here }) => [['jti', here.jti]],
  ],
  [
    'a change of the password',
    ({ here: { token } }) =>
      service.call('POST', '/users/me/password', {
        token,
        body: { current_password: PASSWORD, new_password: NEW, confirm_new_password: NEW },
      }),
    ({ there }) => [['sid', there.sid]],
  ],
  [
    'a reset of the password',
    async ({ who: { email } }) => {
      await service.call('POST', '/password-reset/request', { body: { email } });
      const token = (await mailsTo(service, email)).find(({ secrets }) => secrets.token !== undefined)
        ?.secrets.token;
      const body = { token, new_password: NEW, confirm_new_password: NEW };
      await service.call('POST', '/password-reset/confirm', { body });
    },
    ({ here, there }) => [
      ['sid', here.sid],
      ['sid', there.sid],
    ],
  ],
];

const trail: Record<string, string[]> = {
  'a logout': ['session.ended logout'],
  'a logout from everywhere': ['session.ended logout_everywhere', 'session.ended logout_everywhere'],
  'the end of another session': ['session.ended ended_by_user'],
  'the removal of a device': ['device.removed', 'session.ended device_removed'],
  'the theft of a refresh token': ['session.theft refresh_token_reused'],
  'a client that revokes a refresh token': ['session.ended revoked_by_client'],
  'a client that revokes an access token': ['token.revoked'],
  'a change of the password': ['session.ended password_changed'],
  'a reset of the password': ['session.ended password_reset', 'session.ended password_reset'],
};

test.each(endings)(
  '%s is told, for as long as a token of before could be good, and is in the trail',
  async (what, end, ended) => {
    const who = await person(service);
    const two = { who, here: await session(who), there: await session(who) };
    await end(two);
    const { db, config } = service.deps;
    const sorted = (calls: readonly unknown[]) => calls.map(call => JSON.stringify(call)).toSorted();
    expect(sorted(told.mock.calls)).toEqual(
      sorted(ended(two).map(each => [...each, config.tokens.accessLifetime])),
    );
    const events = await db.rows<{ event: string }>(sql`
      select concat_ws(' ', type, reason) as event from audit_events
      where user_id = ${who.id}::uuid and type in ('session.ended', 'session.theft', 'device.removed', 'token.revoked')
      order by 1`);
    expect(events.map(({ event }) => event)).toEqual(trail[what]);
    // As the export of its owner has it.
    const kept = await db.rows<{ reason: string }>(sql`
      select end_reason as reason from sessions where user_id = ${who.id}::uuid and ended_at is not null`);
    expect(kept.map(({ reason }) => reason)).toEqual(
      trail[what]?.filter(event => event.startsWith('session.')).map(event => event.split(' ')[1]),
    );
  },
);

test.each(endings.filter(([what]) => trail[what]?.some(event => event.startsWith('session.'))))(
  '%s is told again after Redis has lost it, also once the account is removed',
  async (_what, end, ended) => {
    const who = await person(service);
    const two = { who, here: await session(who), there: await session(who) };
    await end(two);
    const lost = async () => (await liveRevocations(service.deps)).map(({ kind, id }) => `${kind} ${id}`);
    const sessions = ended(two).flatMap(([kind, id]) => (kind === 'sid' ? [`${kind} ${id}`] : []));
    expect(await lost()).toEqual(expect.arrayContaining(sessions));
    await service.deps.db.run(sql`delete from users where id = ${who.id}::uuid`);
    expect(await lost()).toEqual(expect.arrayContaining(sessions));
  },
);
