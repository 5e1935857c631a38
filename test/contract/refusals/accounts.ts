import { sql } from '../../../src/platform/sql.ts';
import { mailsTo } from '../../support/mails.ts';
import { member, PASSWORD, person } from '../../support/people.ts';
import { admin, busy, fresh, NOBODY, type Recipes, type World, whileBusy } from './stage.ts';

const NEW = 'Entirely-other-7';
const put = (world: World, token: string, body: object) => world.call('PUT', '/users/me', { token, body });
const change = (world: World, token: string, current_password = PASSWORD) =>
  world.call('POST', '/users/me/password', {
    token,
    body: { current_password, new_password: NEW, confirm_new_password: NEW },
  });
const reset = (world: World, token: string, confirm_new_password = NEW) =>
  world.call('POST', '/password-reset/confirm', { body: { token, new_password: NEW, confirm_new_password } });
async function resetToken(world: World): Promise<string> {
  const { email } = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email } });
  return (await mailsTo(world, email)).at(-1)?.secrets.token as string;
}
/** Somebody who waits for a new address that somebody else takes meanwhile, and the mailed proof of it. */
async function overtaken(world: World) {
  const { token } = await member(world);
  const email = `${fresh('wanted')}@example.com`;
  await put(world, token, { email });
  const [mail] = await mailsTo(world, email);
  await person(world, { email });
  return { token, proof: mail?.secrets.token as string };
}

export const accounts: Recipes = {
  'PUT /users/me username_taken': async ({ world }) => {
    const username = fresh('name');
    await put(world, (await member(world)).token, { username });
    return put(world, (await member(world)).token, { username });
  },
  'PUT /users/me address_taken': async ({ world }) => {
    const { email } = await person(world);
    return put(world, (await member(world)).token, { email });
  },
  'DELETE /users/me last_administrator': async ({ at }) => {
    const world = await at({ brand: { name: 'Alone' } });
    return world.call('DELETE', '/users/me', { token: (await admin(world)).token });
  },
  'DELETE /users/me/devices/{id} device_not_found': async ({ world }) =>
    world.call('DELETE', `/users/me/devices/${NOBODY}`, { token: (await member(world)).token }),
  'DELETE /users/me/sessions/{id} session_not_found': async ({ world }) =>
    world.call('DELETE', `/users/me/sessions/${NOBODY}`, { token: (await member(world)).token }),

  'POST /users/me/password wrong_password': async ({ world }) =>
    change(world, (await member(world)).token, 'wrong'),
  'POST /users/me/password no_password': async ({ world }) => {
    const { who, token } = await member(world);
    await world.deps.db.run(sql`delete from passwords where user_id = ${who.id}::uuid`);
    return change(world, token);
  },
  'POST /users/me/password too_many_attempts': async ({ world }) => {
    const { token } = await member(world);
    for (let attempt = 0; attempt < 5; attempt++) await change(world, token, 'wrong');
    return change(world, token);
  },
  'POST /users/me/password overloaded': async ({ at }) => {
    const world = await at(busy);
    const { token } = await member(world);
    return whileBusy(world, () => change(world, token));
  },
  'POST /password-reset/confirm passwords_differ': ({ world }) => reset(world, 'x', `${NEW}x`),
  'POST /password-reset/confirm invalid_reset_token': ({ world }) => reset(world, 'x'),
  'POST /password-reset/confirm overloaded': async ({ at }) => {
    const world = await at(busy);
    const token = await resetToken(world);
    return whileBusy(world, () => reset(world, token));
  },
  'POST /password/remove invalid_link': ({ world }) =>
    world.call('POST', '/password/remove', { body: { token: 'x' } }),

  'POST /verify-email already_verified': async ({ world }) =>
    world.call('POST', '/verify-email', { token: (await member(world)).token }),
  'POST /verify-email address_taken': async ({ world }) =>
    world.call('POST', '/verify-email', { token: (await overtaken(world)).token }),
  'POST /verify-email/{token} invalid_verification_token': ({ world }) =>
    world.call('POST', '/verify-email/x'),
  'POST /verify-email/{token} address_taken': async ({ world }) =>
    world.call('POST', `/verify-email/${(await overtaken(world)).proof}`),
  'POST /email-change/undo invalid_verification_token': ({ world }) =>
    world.call('POST', '/email-change/undo', { body: { token: 'x' } }),
};
