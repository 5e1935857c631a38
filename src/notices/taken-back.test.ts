import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type TestIssuer, testIssuer } from '../../test/support/issuer.ts';
import { mailedToken } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { type SoftAuthenticator, softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { addTotp } from '../../test/support/totp.ts';
import { readMailbox } from '../delivery/mailbox.ts';
import { carryOutDueRemovals } from '../mfa/removal.ts';
import { sql } from '../platform/sql.ts';
import { disownNotice } from './disown.ts';

let world: TestApp;
let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await testIssuer(() => world.deps.clock.now());
  world = await testApp({ google: { clientIds: ['client-1'], clientSecret: null, issuer: issuer.url } });
});
afterAll(async () => {
  await world.close();
  await issuer.close();
});

const caller = { requestId: 'test', ip: '192.0.2.1', userAgent: '' };

/** A passkey and an account of Google that open the account of whoever is logged in. */
async function addWaysIn({ id }: Person, token: string) {
  const begun = await world.call('POST', '/mfa/passkeys/options', { token });
  const passkey = softAuthenticator();
  const body = { name: 'Key', response: passkey.create(begun.json().options) };
  const added = await world.call('POST', '/mfa/passkeys', { token, body });
  if (added.statusCode !== 201) throw new Error(added.body);
  const subject = world.deps.random.uuid();
  await world.deps.db.run(sql`
    insert into identities (issuer, subject, user_id, provider, created_at)
    values (${issuer.url}, ${subject}, ${id}::uuid, 'google', ${world.deps.clock.now()}::timestamptz)`);
  return { passkey, subject };
}

async function openedBy(
  { passkey, subject }: { passkey: SoftAuthenticator; subject: string },
  { id }: Person,
) {
  const { options } = (await world.call('POST', '/token/passkey/options')).json();
  const touched = await world.call('POST', '/token/passkey', { body: { response: passkey.get(options) } });
  const token = await issuer.idToken({ sub: subject, email: `${subject}@example.com` });
  const google = await world.call('POST', '/signup/google', { body: { token } });
  return { passkey: touched.statusCode === 200, google: google.json().id === id };
}

async function disown({ email }: Person, template: string) {
  const mail = (await readMailbox(world.deps, { to: email })).find(sent => sent.template === template);
  const link = mail?.links.find(url => url.includes('/account/not-me?')) ?? '';
  await disownNotice(world.deps, caller, new URL(link).searchParams.get('token') ?? '');
}

async function undo({ email }: Person) {
  const token = await mailedToken(world, 'email-changed', email);
  const answer = await world.call('POST', '/email-change/undo', { body: { token } });
  if (answer.statusCode !== 200) throw new Error(answer.body);
}

const waysBack: [string, (who: Person) => Promise<void>][] = [
  ['"this was not me" about a passkey', who => disown(who, 'factor-added')],
  ['"this was not me" about another address', who => disown(who, 'email-changed')],
  ['the undo of another address', undo],
];

test.each(waysBack)(
  '%s closes the ways in that a thief has opened, and none that was there before',
  async (_name, takeBack) => {
    const ada = await person(world);
    const before = await addWaysIn(ada, (await logIn(world, ada)).access_token);
    world.deps.clock.advance(73 * 3600);
    const { access_token: stolen } = await logIn(world, ada);
    const planted = await addWaysIn(ada, stolen);
    const email = `thief-${ada.email}`;
    await world.call('PUT', '/users/me', { token: stolen, body: { email } });
    await world.call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', email)}`);
    expect(await openedBy(planted, ada)).toEqual({ passkey: true, google: true });

    await takeBack(ada);

    expect(await openedBy(planted, ada)).toEqual({ passkey: false, google: false });
    expect(await openedBy(before, ada)).toEqual({ passkey: true, google: true });
    const events = await world.deps.db.rows<{ type: string }>(sql`
    select type from audit_events where user_id = ${ada.id}::uuid and type in ('passkey.removed', 'identity.unlinked')`);
    expect(events.map(({ type }) => type).toSorted()).toEqual(['identity.unlinked', 'passkey.removed']);
  },
);

test.each<[string, (who: Person) => Promise<void>]>([
  ['"this was not me" about another address', who => disown(who, 'email-changed')],
  ['the undo of another address', undo],
])(
  '%s in the last of its 72 hours closes what a thief opened before they confirmed it',
  async (_name, takeBack) => {
    const ada = await person(world);
    const { access_token: stolen } = await logIn(world, ada);
    const planted = await addWaysIn(ada, stolen);
    const email = `thief-${ada.email}`;
    await world.call('PUT', '/users/me', { token: stolen, body: { email } });
    world.deps.clock.advance(23 * 3600);
    await world.call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', email)}`);
    world.deps.clock.advance(71 * 3600);
    await takeBack(ada);
    expect(await openedBy(planted, ada)).toEqual({ passkey: false, google: false });
  },
);

test.each(waysBack.slice(1))(
  '%s calls off a removal of factors that waits, of which nobody but the thief was told',
  async (_name, takeBack) => {
    const ada = await person(world);
    const { access_token: token } = await logIn(world, ada);
    await addTotp(world, token);
    const email = `thief-${ada.email}`;
    await world.call('PUT', '/users/me', { token, body: { email } });
    await world.call('POST', `/verify-email/${await mailedToken(world, 'email-change-confirm', email)}`);
    const admin = await logIn(world, await person(world, { roles: ['admin'] }));
    const asked = await world.call('DELETE', `/users/${ada.id}/mfa`, { token: admin.access_token });
    expect(asked.statusCode, asked.body).toBe(202);

    await takeBack(ada);

    world.deps.clock.advance(86_400);
    expect(await carryOutDueRemovals(world.deps, 100)).toBe(0);
    const login = await world.call('POST', '/token', {
      form: { username: ada.email, password: ada.password },
    });
    expect(login.json().code).toBe('mfa_required');
  },
);
