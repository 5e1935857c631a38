import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken } from '../../test/support/mails.ts';
import { acceptInvitation, logIn, member, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';

let world: TestApp;
let admin: string;
beforeAll(async () => {
  world = await testApp();
  admin = (await member(world, { roles: ['admin'] })).token;
});
afterAll(() => world.close());

/** What whoever follows an invitation is answered. */
async function invite(token: string, meanwhile: () => Promise<unknown> = async () => {}) {
  const email = `${world.deps.random.uuid()}@example.com`;
  const made = await world.call('POST', '/invitations', { token, body: { email, roles: ['user'] } });
  expect(made.statusCode, made.body).toBe(201);
  await meanwhile();
  const answer = await acceptInvitation(world, await mailedToken(world, 'invitation', email));
  return answer.json().code ?? answer.statusCode;
}

test('a service client vouches for whom it invites as long as it is there, whatever other clients may do', async () => {
  const make = async (name: string) => {
    const body = { name, permissions: ['users:read', 'users:write'] };
    return (await world.call('POST', '/clients', { token: admin, body })).json();
  };
  const { id, secret } = await make('a desk');
  await make('another desk');
  const login = await world.call('POST', '/token', {
    form: { grant_type: 'client_credentials' },
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  });
  const token = login.json().access_token;
  const remove = () => world.call('DELETE', `/clients/${id}`, { token: admin });
  expect([await invite(token), await invite(token, remove)]).toEqual([201, 'invitation_invalid']);
});

test('somebody whose role requires a factor invites in a session that has one, and vouches for it afterwards', async () => {
  const role = { name: 'desk', permissions: ['users:read', 'users:write'] };
  await world.call('POST', '/roles', { token: admin, body: { ...role, mfa_required: true } });
  const who = await person(world, { roles: ['desk'] });
  const { code } = await addTotp(world, (await logIn(world, who)).access_token);
  world.deps.clock.advance(30);
  const form = { username: who.email, password: who.password };
  const { mfa_token } = (await world.call('POST', '/token', { form })).json();
  const body = { mfa_token, factor: 'totp', code: code() };
  const { access_token } = (await world.call('POST', '/token/mfa', { body })).json();
  expect(await invite(access_token)).toBe(201);
});
