import { sql } from '../../../src/platform/sql.ts';
import { logIn, member, PASSWORD, person } from '../../support/people.ts';
import {
  admin,
  busy,
  clientOf,
  fresh,
  mfaTokenOf,
  oneText,
  passwordLogin,
  type Recipes,
  type World,
  whileBusy,
  withTotp,
} from './stage.ts';

const refresh = (world: World, body: object) => world.call('POST', '/refresh-token', { body });
const reauthenticate = (world: World, token: string, body: object) =>
  world.call('POST', '/token/reauthenticate', { token, body });
const answerWith = (world: World, mfa_token: string, code: string) =>
  world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'totp', code } });
const aged = { passwords: { maxAgeDays: 90 } } as const;
const DAYS_91 = 91 * 86_400;

export const tokens: Recipes = {
  'POST /token invalid_credentials': ({ world }) =>
    world.call('POST', '/token', { form: { username: fresh('nobody'), password: 'x' } }),
  'POST /token mfa_required': async ({ world }) => passwordLogin(world, (await withTotp(world)).who),
  'POST /token unsupported_grant_type': ({ world }) =>
    world.call('POST', '/token', { form: { grant_type: 'implicit' } }),
  'POST /token invalid_client': ({ world }) =>
    world.call('POST', '/token', {
      form: { grant_type: 'client_credentials', client_id: 'x', client_secret: 'y' },
    }),
  'POST /token email_not_verified': async ({ at }) => {
    const world = await at({ requireVerifiedEmail: true });
    return passwordLogin(world, await person(world, { verified: false }));
  },
  'POST /token password_expired': async ({ at }) => {
    const world = await at(aged);
    const who = await person(world);
    world.deps.clock.advance(DAYS_91);
    return passwordLogin(world, who);
  },
  'POST /token too_many_attempts': async ({ world }) => {
    const who = await person(world);
    for (let attempt = 0; attempt < 5; attempt++) await passwordLogin(world, who, 'wrong');
    return passwordLogin(world, who);
  },
  'POST /token overloaded': async ({ at }) => {
    const world = await at(busy);
    const who = await person(world);
    return whileBusy(world, () => passwordLogin(world, who));
  },

  'POST /token/reauthenticate invalid_credentials': async ({ world }) =>
    reauthenticate(world, (await member(world)).token, { password: 'wrong' }),
  'POST /token/reauthenticate mfa_required': async ({ world }) =>
    reauthenticate(world, (await withTotp(world)).token, { password: PASSWORD }),
  'POST /token/reauthenticate invalid_mfa_code': async ({ world }) =>
    reauthenticate(world, (await withTotp(world)).token, { factor: 'totp', code: '000000' }),
  'POST /token/reauthenticate too_many_attempts': async ({ world }) => {
    const { token } = await member(world);
    for (let attempt = 0; attempt < 5; attempt++) await reauthenticate(world, token, { password: 'wrong' });
    return reauthenticate(world, token, { password: PASSWORD });
  },
  'POST /token/reauthenticate overloaded': async ({ at }) => {
    const world = await at(busy);
    const { token } = await member(world);
    return whileBusy(world, () => reauthenticate(world, token, { password: PASSWORD }));
  },

  'POST /token/mfa invalid_mfa_token': ({ world }) => answerWith(world, 'x', '123456'),
  'POST /token/mfa invalid_mfa_code': async ({ world }) =>
    answerWith(world, await mfaTokenOf(world, (await withTotp(world)).who), '000000'),
  'POST /token/mfa too_many_attempts': async ({ world }) => {
    const { who, code } = await withTotp(world);
    const asked = [await mfaTokenOf(world, who), await mfaTokenOf(world, who)] as const;
    for (let attempt = 0; attempt < 5; attempt++) await answerWith(world, asked[0], '000000');
    return answerWith(world, asked[1], code());
  },
  'POST /token/mfa password_expired': async ({ at }) => {
    const world = await at(aged);
    const { who, code } = await withTotp(world);
    world.deps.clock.advance(DAYS_91);
    return answerWith(world, await mfaTokenOf(world, who), code());
  },

  'POST /token/mfa/sms invalid_mfa_token': ({ world }) =>
    world.call('POST', '/token/mfa/sms', { body: { mfa_token: 'x' } }),
  'POST /token/mfa/sms factor_not_found': async ({ world }) => {
    const mfa_token = await mfaTokenOf(world, (await withTotp(world)).who);
    return world.call('POST', '/token/mfa/sms', { body: { mfa_token } });
  },
  'POST /token/mfa/sms feature_disabled': async ({ at }) => {
    const world = await at({ sms: { webhook: null } });
    const mfa_token = await mfaTokenOf(world, (await withTotp(world)).who);
    return world.call('POST', '/token/mfa/sms', { body: { mfa_token } });
  },
  'POST /token/mfa/sms sms_budget_spent': async ({ at }) => {
    const world = await at(oneText);
    const ask = async (number: string) => {
      const { who } = await withTotp(world);
      await world.deps.db.run(sql`
        insert into factors (id, user_id, kind, phone_number, created_at, confirmed_at)
        values (${world.deps.random.uuid()}::uuid, ${who.id}::uuid, 'sms', ${number}, now(), now())`);
      return world.call('POST', '/token/mfa/sms', { body: { mfa_token: await mfaTokenOf(world, who) } });
    };
    await ask('+254712345678');
    return ask('+254712345679');
  },

  'POST /refresh-token refresh_token_required': ({ world }) => refresh(world, {}),
  'POST /refresh-token invalid_refresh_token': ({ world }) => refresh(world, { token: 'x' }),
  'POST /refresh-token refresh_token_reused': async ({ world }) => {
    const { refresh_token } = await logIn(world, await person(world));
    await refresh(world, { refresh_token });
    world.deps.clock.advance(11);
    return refresh(world, { refresh_token });
  },

  'POST /introspect invalid_client': ({ world }) =>
    world.call('POST', '/introspect', { form: { token: 'x' } }),
  'POST /introspect permission_denied': async ({ world }) =>
    world.call('POST', '/introspect', { form: { token: 'x' }, headers: await clientOf(world) }),
  'POST /revoke invalid_client': ({ world }) => world.call('POST', '/revoke', { form: { token: 'x' } }),
  'POST /revoke permission_denied': async ({ world }) =>
    world.call('POST', '/revoke', {
      form: { token: (await admin(world)).token },
      headers: await clientOf(world),
    }),
};
