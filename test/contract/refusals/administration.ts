import { createApp } from '../../../src/app.ts';
import { openDatabase } from '../../../src/platform/database.ts';
import { type Member, member } from '../../support/people.ts';
import { admin, fresh, holderOf, NOBODY, type Recipe, type Recipes, type World } from './stage.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
interface Request {
  readonly method: Method;
  /** After `/users/{id}`. */
  readonly path: string;
  readonly body?: object;
}
const send = (world: World, { token }: Member, method: Method, url: string, body?: object) =>
  world.call(method, url, { token, ...(body !== undefined && { body }) });
/** By somebody who may do everything. */
const by =
  (method: Method, url: string, body?: object): Recipe =>
  async ({ world }) =>
    send(world, await admin(world), method, url, body);
/** By somebody who may write, and holds nothing else. */
const byWriter =
  (method: Method, urlOf: (world: World) => string | Promise<string>, body?: object): Recipe =>
  async ({ world }) => {
    const url = await urlOf(world);
    const writer = await holderOf(world, 'users:write', 'roles:write', 'clients:write', 'sessions:revoke');
    return send(world, writer, method, url, body);
  };

const onUsers: readonly Request[] = [
  { method: 'PATCH', path: '', body: { disabled: true } },
  { method: 'DELETE', path: '' },
  { method: 'PUT', path: '/roles', body: { roles: ['user'] } },
  { method: 'POST', path: '/logout' },
  { method: 'POST', path: '/unlock' },
  { method: 'DELETE', path: '/mfa' },
  { method: 'POST', path: '/password-reset' },
];
const targets: Recipes = Object.fromEntries(
  onUsers.flatMap(({ method, path, body }) => [
    [`${method} /users/{id}${path} user_not_found`, by(method, `/users/${NOBODY}${path}`, body)],
    [
      `${method} /users/{id}${path} target_outranks_caller`,
      byWriter(method, async world => `/users/${(await admin(world)).who.id}${path}`, body),
    ],
  ]),
);

/** The only administrator, who acts on themselves. */
const alone =
  (method: Method, path: string, body?: object): Recipe =>
  async ({ at }) => {
    const world = await at({ brand: { name: `Alone with ${method} ${path}` } });
    const only = await admin(world);
    return send(world, only, method, `/users/${only.who.id}${path}`, body);
  };

async function roleOf(world: World, ...permissions: string[]): Promise<string> {
  const name = fresh('role');
  await send(world, await admin(world), 'POST', '/roles', { name, permissions });
  return name;
}
async function clientOf(world: World): Promise<string> {
  const body = { name: fresh('client'), permissions: ['keys:rotate'] };
  return (await send(world, await admin(world), 'POST', '/clients', body)).json().id;
}
const more = () => ({ name: fresh('more'), permissions: ['keys:rotate'] });
const newcomer = () => ({ email: `${fresh('made')}@example.com`, first_name: 'X', last_name: 'Y' });

/** The id of an invitation that gives everything. */
async function invitedAdmin(world: World, email: string): Promise<string> {
  const body = { email, roles: ['admin'] };
  return (await send(world, await admin(world), 'POST', '/invitations', body)).json().id;
}

export const administration: Recipes = {
  ...targets,
  'GET /users/{id} user_not_found': by('GET', `/users/${NOBODY}`),
  'GET /users/{id}/explain user_not_found': by('GET', `/users/${NOBODY}/explain`),
  'PATCH /users/{id} last_administrator': alone('PATCH', '', { disabled: true }),
  'DELETE /users/{id} last_administrator': alone('DELETE', ''),
  'PUT /users/{id}/roles last_administrator': alone('PUT', '/roles', { roles: ['user'] }),
  'PUT /users/{id}/roles grant_exceeds_own': byWriter(
    'PUT',
    async world => `/users/${(await member(world)).who.id}/roles`,
    { roles: ['admin'] },
  ),
  'DELETE /users/{id}/mfa factor_not_found': async ({ world }) =>
    send(world, await admin(world), 'DELETE', `/users/${(await member(world)).who.id}/mfa`),
  'POST /users email_taken': async ({ world }) => {
    const boss = await admin(world);
    return send(world, boss, 'POST', '/users', { ...newcomer(), email: boss.who.email });
  },
  'POST /users username_taken': async ({ world }) => {
    const username = fresh('name');
    await send(world, await member(world), 'PUT', '/users/me', { username });
    return send(world, await admin(world), 'POST', '/users', { ...newcomer(), username });
  },
  'POST /users grant_exceeds_own': byWriter('POST', () => '/users', { ...newcomer(), roles: ['admin'] }),
  'POST /invitations grant_exceeds_own': byWriter('POST', () => '/invitations', {
    email: newcomer().email,
    roles: ['admin'],
  }),
  'POST /invitations target_outranks_caller': async ({ world }) => {
    const { email } = newcomer();
    await invitedAdmin(world, email);
    return send(world, await holderOf(world, 'users:write'), 'POST', '/invitations', { email, roles: [] });
  },
  'DELETE /invitations/{id} target_outranks_caller': byWriter(
    'DELETE',
    async world => `/invitations/${await invitedAdmin(world, newcomer().email)}`,
  ),

  'POST /permissions permission_exists': by('POST', '/permissions', { name: 'users:read' }),
  'POST /permissions permission_limit_reached': async ({ world }) => {
    const root = await admin(world);
    const make = (name: string) => send(world, root, 'POST', '/permissions', { name });
    const made: string[] = [];
    let answer = await make('long:name');
    for (; answer.statusCode === 201; answer = await make(made.at(-1) as string))
      made.push(`${'long'.repeat(15)}:${'name'.repeat(15)}${made.length}`);
    for (const name of ['long:name', ...made]) await send(world, root, 'DELETE', `/permissions/${name}`);
    return answer;
  },
  'DELETE /permissions/{name} permission_not_found': by('DELETE', '/permissions/none:such'),
  'DELETE /permissions/{name} permission_built_in': by('DELETE', '/permissions/users:read'),
  'DELETE /permissions/{name} grant_exceeds_own': byWriter('DELETE', async world => {
    await send(world, await admin(world), 'POST', '/permissions', { name: 'invoices:pay' });
    return '/permissions/invoices:pay';
  }),
  'DELETE /permissions/{name} target_outranks_caller': async ({ world }) => {
    const chief = await admin(world);
    await send(world, chief, 'POST', '/permissions', { name: 'ledger:close' });
    const permissions = ['ledger:close', 'keys:rotate'];
    await send(world, chief, 'POST', '/roles', { name: 'controller', permissions });
    const writer = await holderOf(world, 'roles:write', 'ledger:close');
    return send(world, writer, 'DELETE', '/permissions/ledger:close');
  },
  'POST /roles role_exists': by('POST', '/roles', { name: 'user' }),
  'POST /roles grant_exceeds_own': byWriter('POST', () => '/roles', more()),
  'GET /roles/{name} role_not_found': by('GET', '/roles/nonesuch'),
  'PUT /roles/{name} role_not_found': by('PUT', '/roles/nonesuch', { permissions: [] }),
  'PUT /roles/{name} role_built_in': by('PUT', '/roles/admin', { permissions: [] }),
  'PUT /roles/{name} grant_exceeds_own': byWriter('PUT', async world => `/roles/${await roleOf(world)}`, {
    permissions: ['keys:rotate'],
  }),
  'PUT /roles/{name} target_outranks_caller': byWriter(
    'PUT',
    async world => `/roles/${await roleOf(world, 'keys:rotate')}`,
    { permissions: [] },
  ),
  'DELETE /roles/{name} role_not_found': by('DELETE', '/roles/nonesuch'),
  'DELETE /roles/{name} role_built_in': by('DELETE', '/roles/user'),
  'DELETE /roles/{name} target_outranks_caller': byWriter(
    'DELETE',
    async world => `/roles/${await roleOf(world, 'keys:rotate')}`,
  ),
  'POST /clients grant_exceeds_own': byWriter('POST', () => '/clients', more()),
  'POST /clients client_exists': async ({ world }) => {
    const boss = await admin(world);
    const body = { name: fresh('twin'), permissions: [] };
    await send(world, boss, 'POST', '/clients', body);
    return send(world, boss, 'POST', '/clients', body);
  },
  'POST /clients/{id}/rotate-secret client_not_found': by('POST', `/clients/${NOBODY}/rotate-secret`),
  'POST /clients/{id}/rotate-secret target_outranks_caller': byWriter(
    'POST',
    async world => `/clients/${await clientOf(world)}/rotate-secret`,
  ),
  'DELETE /clients/{id} client_not_found': by('DELETE', `/clients/${NOBODY}`),
  'DELETE /clients/{id} target_outranks_caller': byWriter(
    'DELETE',
    async world => `/clients/${await clientOf(world)}`,
  ),
  'POST /keys/rotate feature_disabled': by('POST', '/keys/rotate'),
  'GET /readyz not_ready': async ({ world }) => {
    const db = openDatabase({ connection: { host: '127.0.0.1', port: 9 }, poolMax: 1, prepare: true });
    const app = await createApp({ ...world.deps, db });
    const answer = await app.inject({ url: '/readyz' });
    await app.close();
    await db.close();
    return answer;
  },
};
