import type { LightMyRequestResponse } from 'fastify';
import { sql } from '../../../src/platform/sql.ts';
import { mailsTo } from '../../support/mails.ts';
import { type Member, member, person } from '../../support/people.ts';
import { type SoftAuthenticator, softAuthenticator } from '../../support/soft-authenticator.ts';
import { beginTotp } from '../../support/totp.ts';
import { admin, fresh, mfaTokenOf, NOBODY, oneText, type Recipes, type World, withTotp } from './stage.ts';

const KENYAN = '+254712345678';
const enrolPhone = (world: World, token: string, phone_number = KENYAN) =>
  world.call('POST', '/mfa/sms', { token, body: { phone_number } });
const confirmPhone = (world: World, token: string, code: string) =>
  world.call('POST', '/mfa/sms/confirm', { token, body: { code } });
const confirmApp = (world: World, token: string, code: string) =>
  world.call('POST', '/mfa/totp/confirm', { token, body: { code } });
/** Confirmed by a request that ran beside this one. */
async function confirmedElsewhere(world: World, { who }: Member, kind: 'totp' | 'sms'): Promise<void> {
  await world.deps.db.run(sql`
    insert into factors (id, user_id, kind, created_at, confirmed_at)
    values (${world.deps.random.uuid()}::uuid, ${who.id}::uuid, ${kind}, now(), now())`);
}
const noSms = { sms: { webhook: null } } as const;

const textedCode = async (world: World): Promise<string> =>
  (await mailsTo(world, KENYAN)).at(-1)?.secrets.code as string;

async function withPhone(world: World): Promise<Member> {
  const found = await member(world);
  await enrolPhone(world, found.token);
  await confirmPhone(world, found.token, await textedCode(world));
  return found;
}

/** Five wrong codes, and then whatever `send` sends. */
async function locked(
  world: World,
  send: (token: string, code: string) => Promise<LightMyRequestResponse>,
  begin: (token: string) => Promise<unknown>,
): Promise<LightMyRequestResponse> {
  const { token } = await member(world);
  await begin(token);
  for (let attempt = 0; attempt < 5; attempt++) await send(token, '000000');
  return send(token, '000000');
}

/** Adds a passkey, as the browser that holds it. */
export async function addPasskey(
  world: World,
  { token }: Member,
  authenticator: SoftAuthenticator,
  spoil = '',
): Promise<LightMyRequestResponse> {
  const { options } = (await world.call('POST', '/mfa/passkeys/options', { token, body: {} })).json();
  const response = authenticator.create({ ...options, challenge: `${options.challenge}${spoil}` });
  return world.call('POST', '/mfa/passkeys', { token, body: { name: 'Laptop', response } });
}

/** Sends an assertion of a passkey, spoiled by `spoil`. */
async function present(
  world: World,
  path: string,
  authenticator: SoftAuthenticator,
  { token, body = {}, spoil = '' }: { token?: string; body?: object; spoil?: string } = {},
): Promise<LightMyRequestResponse> {
  const { options } = (
    await world.call('POST', `${path}/options`, { body, ...(token !== undefined && { token }) })
  ).json();
  const response = authenticator.get({ challenge: `${options.challenge}${spoil}` });
  return world.call('POST', path, { body: { ...body, response }, ...(token !== undefined && { token }) });
}

async function withPasskey(world: World) {
  const authenticator = softAuthenticator();
  const found = await member(world);
  const { id } = (await addPasskey(world, found, authenticator)).json();
  return { ...found, authenticator, id: id as string };
}

/** Somebody with an authenticator app and a passkey, which may answer for it. */
async function withBoth(world: World) {
  const authenticator = softAuthenticator();
  const found = await withTotp(world);
  await addPasskey(world, found, authenticator);
  return { ...found, authenticator };
}

/** Twenty passkeys, which is all that an account may have. */
async function withAll(world: World): Promise<Member> {
  const found = await member(world);
  for (let count = 0; count < 20; count++) await addPasskey(world, found, softAuthenticator());
  return found;
}

/** Somebody whose role demands a factor, and who has the one. */
async function withRequired(world: World, kind: 'totp' | 'sms'): Promise<LightMyRequestResponse> {
  const { who, token } = kind === 'totp' ? await withTotp(world) : await withPhone(world);
  const boss = await admin(world);
  const name = fresh('guarded');
  const role = { name, permissions: ['users:read'], mfa_required: true };
  await world.call('POST', '/roles', { token: boss.token, body: role });
  await world.call('PUT', `/users/${who.id}/roles`, { token: boss.token, body: { roles: ['user', name] } });
  return world.call('DELETE', `/mfa/${kind}`, { token });
}

export const factors: Recipes = {
  'POST /mfa/totp factor_exists': async ({ world }) =>
    world.call('POST', '/mfa/totp', { token: (await withTotp(world)).token }),
  'POST /mfa/totp/confirm factor_not_found': async ({ world }) =>
    confirmApp(world, (await member(world)).token, '123456'),
  'POST /mfa/totp/confirm invalid_mfa_code': async ({ world }) => {
    const { token } = await member(world);
    await world.call('POST', '/mfa/totp', { token });
    return confirmApp(world, token, '000000');
  },
  'POST /mfa/totp/confirm too_many_attempts': ({ world }) =>
    locked(
      world,
      (token, code) => confirmApp(world, token, code),
      token => world.call('POST', '/mfa/totp', { token }),
    ),
  'POST /mfa/totp/confirm factor_exists': async ({ world }) => {
    const found = await member(world);
    const code = await beginTotp(world, found.token);
    await confirmedElsewhere(world, found, 'totp');
    return confirmApp(world, found.token, code());
  },
  'DELETE /mfa/totp factor_not_found': async ({ world }) =>
    world.call('DELETE', '/mfa/totp', { token: (await member(world)).token }),
  'DELETE /mfa/totp factor_required': ({ world }) => withRequired(world, 'totp'),
  'POST /mfa/recovery-codes factor_not_found': async ({ world }) =>
    world.call('POST', '/mfa/recovery-codes', { token: (await member(world)).token }),
  'DELETE /users/me/mfa-removal removal_not_found': async ({ world }) =>
    world.call('DELETE', '/users/me/mfa-removal', { token: (await member(world)).token }),

  'POST /mfa/sms phone_not_allowed': async ({ world }) =>
    enrolPhone(world, (await member(world)).token, '+19005550123'),
  'POST /mfa/sms feature_disabled': async ({ at }) => {
    const world = await at(noSms);
    return enrolPhone(world, (await member(world)).token);
  },
  'POST /mfa/sms factor_exists': async ({ world }) => enrolPhone(world, (await withPhone(world)).token),
  'POST /mfa/sms sms_budget_spent': async ({ at }) => {
    const world = await at(oneText);
    await enrolPhone(world, (await member(world)).token);
    return enrolPhone(world, (await member(world)).token);
  },
  'POST /mfa/sms/confirm feature_disabled': async ({ at }) => {
    const world = await at(noSms);
    return confirmPhone(world, (await member(world)).token, '123456');
  },
  'POST /mfa/sms/confirm factor_not_found': async ({ world }) =>
    confirmPhone(world, (await member(world)).token, '123456'),
  'POST /mfa/sms/confirm invalid_mfa_code': async ({ world }) => {
    const { token } = await member(world);
    await enrolPhone(world, token);
    return confirmPhone(world, token, 'wrong');
  },
  'POST /mfa/sms/confirm too_many_attempts': ({ world }) =>
    locked(
      world,
      token => confirmPhone(world, token, 'wrong'),
      token => enrolPhone(world, token),
    ),
  'POST /mfa/sms/confirm factor_exists': async ({ world }) => {
    const found = await member(world);
    await enrolPhone(world, found.token);
    await confirmedElsewhere(world, found, 'sms');
    return confirmPhone(world, found.token, await textedCode(world));
  },
  'DELETE /mfa/sms factor_not_found': async ({ world }) =>
    world.call('DELETE', '/mfa/sms', { token: (await member(world)).token }),
  'DELETE /mfa/sms factor_required': ({ world }) => withRequired(world, 'sms'),

  'POST /mfa/passkeys passkey_refused': async ({ world }) =>
    addPasskey(world, await member(world), softAuthenticator(), 'x'),
  'POST /mfa/passkeys factor_exists': async ({ world }) => {
    const { authenticator } = await withPasskey(world);
    return addPasskey(world, await member(world), authenticator);
  },
  'POST /mfa/passkeys/options passkey_limit_reached': async ({ world }) => {
    const { token } = await withAll(world);
    return world.call('POST', '/mfa/passkeys/options', { token, body: {} });
  },
  'POST /mfa/passkeys passkey_limit_reached': async ({ world }) => {
    const found = await member(world);
    const { token } = found;
    const { options } = (await world.call('POST', '/mfa/passkeys/options', { token, body: {} })).json();
    for (let count = 0; count < 20; count++) await addPasskey(world, found, softAuthenticator());
    const response = softAuthenticator().create(options);
    return world.call('POST', '/mfa/passkeys', { token, body: { name: 'One too many', response } });
  },
  'PATCH /mfa/passkeys/{id} factor_not_found': async ({ world }) =>
    world.call('PATCH', `/mfa/passkeys/${NOBODY}`, {
      token: (await member(world)).token,
      body: { name: 'x' },
    }),
  'DELETE /mfa/passkeys/{id} factor_not_found': async ({ world }) =>
    world.call('DELETE', `/mfa/passkeys/${NOBODY}`, { token: (await member(world)).token }),
  'DELETE /mfa/passkeys/{id} last_way_in': async ({ world }) => {
    const { who, token, id } = await withPasskey(world);
    await world.deps.db.run(sql`delete from passwords where user_id = ${who.id}::uuid`);
    return world.call('DELETE', `/mfa/passkeys/${id}`, { token });
  },

  'POST /token/passkey passkey_refused': async ({ world }) =>
    present(world, '/token/passkey', softAuthenticator()),
  'POST /token/passkey account_disabled': async ({ world }) => {
    const { who, authenticator } = await withPasskey(world);
    await world.deps.db.run(sql`update users set disabled_at = now() where id = ${who.id}::uuid`);
    return present(world, '/token/passkey', authenticator);
  },
  'POST /token/passkey email_not_verified': async ({ at }) => {
    const world = await at({ requireVerifiedEmail: true });
    const { who, authenticator } = await withPasskey(world);
    await world.deps.db.run(sql`update users set email_verified_at = null where id = ${who.id}::uuid`);
    return present(world, '/token/passkey', authenticator);
  },
  'POST /token/mfa/passkey/options invalid_mfa_token': ({ world }) =>
    world.call('POST', '/token/mfa/passkey/options', { body: { mfa_token: 'x' } }),
  'POST /token/mfa/passkey invalid_mfa_token': async ({ world }) => {
    const response = softAuthenticator().get({ challenge: 'x' });
    return world.call('POST', '/token/mfa/passkey', { body: { mfa_token: 'x', response } });
  },
  'POST /token/mfa/passkey passkey_refused': async ({ world }) => {
    const { who, authenticator } = await withBoth(world);
    const body = { mfa_token: await mfaTokenOf(world, who) };
    return present(world, '/token/mfa/passkey', authenticator, { body, spoil: 'x' });
  },
  'POST /token/mfa/passkey too_many_attempts': async ({ world }) => {
    const { who, authenticator } = await withBoth(world);
    const [spent, mfa_token] = [await mfaTokenOf(world, who), await mfaTokenOf(world, who)];
    for (let attempt = 0; attempt < 5; attempt++)
      await world.call('POST', '/token/mfa', { body: { mfa_token: spent, factor: 'totp', code: '000000' } });
    return present(world, '/token/mfa/passkey', authenticator, { body: { mfa_token } });
  },
  'POST /token/mfa/passkey password_expired': async ({ at }) => {
    const world = await at({ passwords: { maxAgeDays: 90 } });
    const { who, authenticator } = await withBoth(world);
    world.deps.clock.advance(91 * 86_400);
    const body = { mfa_token: await mfaTokenOf(world, who) };
    return present(world, '/token/mfa/passkey', authenticator, { body });
  },
  'POST /token/reauthenticate/passkey passkey_refused': async ({ world }) => {
    const { token, authenticator } = await withPasskey(world);
    return present(world, '/token/reauthenticate/passkey', authenticator, { token, spoil: 'x' });
  },

  'POST /token/email feature_disabled': async ({ at }) =>
    (await at({ signInByMail: false })).call('POST', '/token/email', { body: { email: 'a@example.com' } }),
  'POST /token/email/verify feature_disabled': async ({ at }) =>
    (await at({ signInByMail: false })).call('POST', '/token/email/verify', {
      body: { request_token: 'x', code: '123456' },
    }),
  'POST /token/email/verify invalid_sign_in_code': ({ world }) =>
    world.call('POST', '/token/email/verify', { body: { request_token: 'x', code: '123456' } }),
  'POST /token/email/verify mfa_required': async ({ world }) => {
    const { who } = await withTotp(world);
    return byMail(world, who.email);
  },
  'POST /token/email/verify too_many_attempts': async ({ world }) => {
    const { email } = await person(world);
    for (let attempt = 0; attempt < 5; attempt++) await byMail(world, email, '000000');
    return byMail(world, email);
  },
};

async function byMail(world: World, email: string, wrong?: string): Promise<LightMyRequestResponse> {
  const { request_token } = (await world.call('POST', '/token/email', { body: { email } })).json();
  const sent = (await mailsTo(world, email)).findLast(({ template }) => template === 'sign-in');
  const code = wrong ?? sent?.secrets.code;
  return world.call('POST', '/token/email/verify', { body: { request_token, code } });
}
