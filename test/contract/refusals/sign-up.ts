import { mailsTo } from '../../support/mails.ts';
import { acceptInvitation, member, PASSWORD, person } from '../../support/people.ts';
import { type SoftAuthenticator, softAuthenticator } from '../../support/soft-authenticator.ts';
import { addPasskey } from './factors.ts';
import { admin, busy, fresh, type Recipes, type World, whileBusy } from './stage.ts';

const names = { first_name: 'Grace', last_name: 'Hopper', phone_number: '+12125550123' };
const newAddress = () => `${fresh('new')}@example.com`;
const begin = async (world: World, email: string): Promise<string> =>
  (await world.call('POST', '/signup', { body: { ...names, email } })).json().signup_token;
const finish = (world: World, email: string, signup_token?: string) =>
  world.call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
  });
async function finishWithPasskey(world: World, email: string, authenticator: SoftAuthenticator, spoil = '') {
  const signup_token = await begin(world, email);
  const { options } = (
    await world.call('POST', '/signup/passkey/options', { body: { email, signup_token } })
  ).json();
  const response = authenticator.create({ ...options, challenge: `${options.challenge}${spoil}` });
  return { email, signup_token, name: 'Laptop', response };
}

/** An invitation's token, of an administrator who is there. */
async function invite(world: World): Promise<{ email: string; token: string }> {
  const { token } = await admin(world);
  const email = newAddress();
  await world.call('POST', '/invitations', { token, body: { email, roles: ['user'] } });
  const [mail] = await mailsTo(world, email);
  return { email, token: mail?.secrets.token as string };
}
export const signUp: Recipes = {
  'POST /signup email_taken': async ({ world }) => {
    const { email } = await person(world);
    return world.call('POST', '/signup', { body: { ...names, email } });
  },
  'POST /signup/set-password signup_not_found': ({ world }) => finish(world, newAddress(), 'x'),
  'POST /signup/set-password email_taken': async ({ world }) => {
    const email = newAddress();
    const token = await begin(world, email);
    await person(world, { email });
    return finish(world, email, token);
  },
  'POST /signup/set-password overloaded': async ({ at }) => {
    const world = await at(busy);
    const email = newAddress();
    const token = await begin(world, email);
    return whileBusy(world, () => finish(world, email, token));
  },
  'POST /signup/passkey/options signup_not_found': ({ world }) =>
    world.call('POST', '/signup/passkey/options', { body: { email: newAddress() } }),
  'POST /signup/passkey signup_not_found': async ({ world }) => {
    const body = await finishWithPasskey(world, newAddress(), softAuthenticator());
    return world.call('POST', '/signup/passkey', { body: { ...body, signup_token: 'x' } });
  },
  'POST /signup/passkey email_taken': async ({ world }) => {
    const body = await finishWithPasskey(world, newAddress(), softAuthenticator());
    await person(world, { email: body.email });
    return world.call('POST', '/signup/passkey', { body });
  },
  'POST /signup/passkey passkey_refused': async ({ world }) => {
    const body = await finishWithPasskey(world, newAddress(), softAuthenticator(), 'x');
    return world.call('POST', '/signup/passkey', { body });
  },
  'POST /signup/passkey factor_exists': async ({ world }) => {
    const authenticator = softAuthenticator();
    await addPasskey(world, await member(world), authenticator);
    const body = await finishWithPasskey(world, newAddress(), authenticator);
    return world.call('POST', '/signup/passkey', { body });
  },

  'POST /invitations email_taken': async ({ world }) => {
    const { token, who } = await admin(world);
    return world.call('POST', '/invitations', { token, body: { email: who.email, roles: ['user'] } });
  },
  'DELETE /invitations/{id} invitation_not_found': async ({ world }) => {
    const { token, who } = await admin(world);
    return world.call('DELETE', `/invitations/${who.id}`, { token });
  },
  'POST /invitations/accept invitation_invalid': ({ world }) => acceptInvitation(world, 'x'),
  'POST /invitations/accept passwords_differ': async ({ world }) =>
    acceptInvitation(world, (await invite(world)).token, { confirm_password: `${PASSWORD}x` }),
  'POST /invitations/accept email_taken': async ({ world }) => {
    const { email, token } = await invite(world);
    await person(world, { email });
    return acceptInvitation(world, token);
  },
  'POST /invitations/accept overloaded': async ({ at }) => {
    const world = await at(busy);
    const { token } = await invite(world);
    return whileBusy(world, () => acceptInvitation(world, token));
  },
};
