import { createApp } from '../../../src/app.ts';
import { openDatabase } from '../../../src/platform/database.ts';
import { RATE_GROUPS } from '../../../src/platform/rate-groups.ts';
import { sql } from '../../../src/platform/sql.ts';
import type { TestApp } from '../../support/app.ts';
import type { Operation } from '../../support/contract.ts';
import { logIn, member, person } from '../../support/people.ts';
import { CLIENT } from '../../support/sign-in-flow.ts';
import { softAuthenticator } from '../../support/soft-authenticator.ts';
import { admin, clientOf, NOBODY, type Stage } from './stage.ts';

/** What follows from the access, the schema and the limits of a route, asked of every route that declares it. */
export interface Sweep {
  readonly code: string;
  /** Of the stage, where none is named. */
  readonly app?: TestApp['app'];
  /** Seconds that pass before. */
  readonly later?: number;
  /** How often it is sent; the last answer counts. */
  readonly times?: number;
  /** Null where the route is left to a recipe. */
  send(operation: Operation): Send | null;
}
interface Send {
  readonly url?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly payload?: string;
}

export const nameOf = ({ method, path }: Operation): string => `${method} ${path}`;
export const urlOf = ({ path }: Operation, name = 'nonesuch'): string =>
  path.replaceAll(/\{id\}/g, NOBODY).replaceAll(/\{\w+\}/g, name);
const isGuarded = ({ security }: Operation) => security.some(each => 'bearer' in each);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const json = { 'content-type': 'application/json' };
const ONE = { points: 1, seconds: 60 };

/** All sweeps, with the bearers that they need. */
export async function openSweeps({ world, at }: Stage): Promise<{ sweeps: Sweep[]; close(): Promise<void> }> {
  const boss = (await admin(world)).token;
  const user = (await member(world)).token;
  const who = await person(world);
  const expired = (await logIn(world, who)).access_token;
  const revoked = (await logIn(world, who)).access_token;
  await world.call('POST', '/logout', { token: revoked });
  const barred = await member(world);
  await world.deps.db.run(sql`update users set disabled_at = now() where id = ${barred.who.id}::uuid`);
  const machine: string = (
    await world.call('POST', '/token', {
      form: { grant_type: 'client_credentials' },
      headers: await clientOf(world),
    })
  ).json().access_token;
  const limited = await at({ rateLimit: Object.fromEntries(RATE_GROUPS.map(group => [group, ONE])) });
  const db = openDatabase({ connection: { host: '127.0.0.1', port: 9 }, poolMax: 1, prepare: true });
  const dead = await createApp({ ...world.deps, db });

  const whoever = (operation: Operation) => (isGuarded(operation) ? bearer(boss) : {});
  const guarded = (token: string) => (operation: Operation) =>
    isGuarded(operation) ? { headers: bearer(token) } : null;
  const body = (payload: string, type: string) => (operation: Operation) =>
    operation.method === 'GET' ? null : { payload, headers: { ...whoever(operation), 'content-type': type } };

  const asking = await openQuestions(world);

  const sweeps: Sweep[] = [
    {
      code: 'malformed_request',
      send: operation =>
        body('{', json['content-type'])(operation) ?? { headers: { authorization: ['Basic x', 'Basic y'] } },
    },
    { code: 'payload_too_large', send: body('x'.repeat(70_000), json['content-type']) },
    { code: 'unsupported_media_type', send: body('x', 'text/csv') },
    {
      code: 'validation_failed',
      send: operation => ({ url: `${urlOf(operation)}?x=%00`, headers: whoever(operation) }),
    },
    { code: 'not_authenticated', send: () => ({}) },
    { code: 'invalid_token', send: () => ({ headers: bearer('a.b.c') }) },
    { code: 'token_expired', later: 1800, send: guarded(expired) },
    { code: 'token_revoked', send: guarded(revoked) },
    { code: 'account_disabled', send: guarded(barred.token) },
    { code: 'user_required', send: () => ({ headers: bearer(machine) }) },
    { code: 'permission_denied', send: guarded(user) },
    {
      code: 'reauthentication_required',
      later: 601,
      send: operation =>
        // Only another address needs it.
        operation.path === '/users/me' && operation.method === 'PUT'
          ? { headers: { ...bearer(boss), ...json }, payload: '{"email":"other@example.com"}' }
          : { headers: bearer(boss) },
    },
    { code: 'rate_limited', app: limited.app, times: 2, send: () => ({}) },
    {
      code: 'database_unavailable',
      app: dead,
      send: operation => ({ ...withExample(operation, whoever(operation)), ...asking[nameOf(operation)] }),
    },
  ];
  return {
    sweeps,
    async close() {
      await dead.close();
      await db.close();
    },
  };
}

/** Requests that public routes cannot answer without the database, where the example is refused for what it is. */
async function openQuestions(world: Stage['world']): Promise<Record<string, Send>> {
  const secret = 'A'.repeat(43);
  const said = (body: object) => ({ payload: JSON.stringify(body) });
  const { refresh_token } = await logIn(world, await person(world));
  const mail = await world.call('POST', '/token/email', { body: { email: 'nobody@example.com' } });
  const client = {
    payload: `token=${refresh_token}`,
    headers: { ...(await clientOf(world)), 'content-type': 'application/x-www-form-urlencoded' },
  };
  const begin = new URLSearchParams({ redirect_uri: CLIENT, code_challenge: secret });
  const password = 'Entirely-other-7';
  const authenticator = softAuthenticator();
  const answer = authenticator.get({ challenge: secret });
  const signUp = { email: 'ada@example.com', signup_token: secret };
  return {
    'POST /signup/set-password': said({ ...signUp, password, confirm_password: password }),
    'POST /signup/passkey/options': said(signUp),
    'POST /signup/passkey': said({
      ...signUp,
      name: 'A passkey',
      response: authenticator.create({ challenge: secret }),
    }),
    'POST /password-reset/confirm': said({
      token: secret,
      new_password: password,
      confirm_new_password: password,
    }),
    'POST /password/remove': said({ token: secret }),
    'POST /verify-email/{token}': { url: `/verify-email/${secret}` },
    'POST /email-change/undo': said({ token: secret }),
    'POST /oauth/{provider}/id-token': { url: '/oauth/liar/id-token' },
    'POST /token/mfa': said({ mfa_token: secret, factor: 'totp', code: '123456' }),
    'POST /token/mfa/sms': said({ mfa_token: secret }),
    'POST /token/mfa/passkey/options': said({ mfa_token: secret }),
    'POST /token/mfa/passkey': said({ mfa_token: secret, response: answer }),
    'POST /token/email/verify': said({ request_token: mail.json().request_token, code: '123456' }),
    'POST /refresh-token': said({ refresh_token }),
    'GET /oauth/{provider}/authorize': { url: `/oauth/liar/authorize?${begin.toString()}` },
    'GET /oauth/{provider}/callback': { url: `/oauth/liar/callback?state=${secret}&code=x` },
    'POST /oauth/exchange': said({ code: secret, code_verifier: secret }),
    'POST /introspect': client,
    'POST /revoke': client,
    'POST /invitations/accept': said({
      token: secret,
      first_name: 'A',
      last_name: 'B',
      password,
      confirm_password: password,
    }),
  };
}

function withExample(operation: Operation, headers: Record<string, string>): Send {
  const content = operation.requestBody?.content;
  const payload = content?.['application/json']?.example;
  return {
    headers: { ...headers, ...json },
    ...(payload !== undefined && { payload: JSON.stringify(payload) }),
  };
}
