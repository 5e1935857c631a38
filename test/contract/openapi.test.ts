// The OpenAPI document: it validates, and what it declares of every route can be had.
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { contractApp, type Judge, type Operation } from '../support/contract.ts';
import { logIn, person } from '../support/people.ts';

let world: TestApp & { judge: Judge };
beforeAll(async () => {
  world = await contractApp();
});
afterAll(() => world.close());

test('the document is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(world.judge.document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(world.judge.document.openapi).toBe('3.1.0');
});

test('a document with a fault is told from it', async () => {
  const broken = structuredClone(world.judge.document) as { paths: Record<string, Record<string, object>> };
  broken.paths['/health'] = { get: { responses: 'none' } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test('every operation has a name of its own, a summary, examples, and every refusal', () => {
  const { operations, document } = world.judge;
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
  for (const operation of operations) {
    const name = `${operation.method} ${operation.path}`;
    expect(operation, name).toHaveProperty('summary');
    expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['429', '503']));
    for (const { example } of Object.values(operation.requestBody?.content ?? {}))
      expect(example, name).toBeDefined();
  }
  expect(document).toHaveProperty('components.schemas.User');
  expect(document).toHaveProperty([
    'paths',
    '/refresh-token',
    'post',
    'responses',
    '401',
    'content',
    'application/json',
    'examples',
    'refresh_token_reused',
  ]);
});

test('the docs page and what it loads come from here alone', async () => {
  const page = await world.call('GET', '/docs');
  expect(page.body).not.toMatch(/https?:\/\//);
  for (const asset of ['swagger-ui.css', 'swagger-ui-bundle.js', 'start.js'])
    expect((await world.call('GET', `/docs/${asset}`)).statusCode).toBe(200);
  for (const other of ['index.html', '..%2fpackage.json'])
    expect((await world.call('GET', `/docs/${other}`)).statusCode).toBe(404);
});

// What follows from the access, the schema and the limits of a route, asked of every route that declares it.
describe('each declared refusal is reachable', () => {
  const ID = '019300f4-6f00-7000-8000-000000000001';
  interface Send {
    readonly url?: string;
    readonly headers?: Record<string, string | undefined>;
    readonly payload?: string;
  }
  const urlOf = ({ path }: Operation) => path.replaceAll(/\{id\}/g, ID).replaceAll(/\{\w+\}/g, 'nonesuch');
  const declares = ({ responses }: Operation, code: string) =>
    Object.values(responses).some(
      ({ content }) => content?.['application/json']?.examples?.[code] !== undefined,
    );
  const example = ({ requestBody }: Operation) => requestBody?.content['application/json']?.example;
  const isGuarded = ({ security }: Operation) => security.some(each => 'bearer' in each);

  async function reach(
    code: string,
    send: (operation: Operation) => Send | null,
    at: TestApp['app'] = world.app,
  ): Promise<number> {
    let count = 0;
    for (const operation of world.judge.operations) {
      if (!declares(operation, code)) continue;
      const options = send(operation);
      if (options === null) continue;
      const { method } = operation;
      const answer = await at.inject({ method: method as 'GET', url: urlOf(operation), ...options });
      expect([`${method} ${operation.path}`, answer.json().code], answer.body).toEqual([
        `${method} ${operation.path}`,
        code,
      ]);
      count++;
    }
    return count;
  }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const json = { 'content-type': 'application/json' };

  let admin: string;
  beforeAll(async () => {
    admin = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
  });
  const withBearer = (operation: Operation, token = admin) => (isGuarded(operation) ? bearer(token) : {});

  test('malformed_request, payload_too_large, unsupported_media_type, validation_failed', async () => {
    const body = (payload: string, type: string) => (operation: Operation) =>
      operation.method === 'GET'
        ? null
        : { payload, headers: { ...withBearer(operation), 'content-type': type } };
    expect(await reach('malformed_request', body('{', json['content-type']))).toBeGreaterThan(40);
    expect(await reach('payload_too_large', body('x'.repeat(70_000), json['content-type']))).toBeGreaterThan(
      40,
    );
    expect(await reach('unsupported_media_type', body('x', 'text/csv'))).toBeGreaterThan(40);
    expect(
      await reach('validation_failed', operation => ({
        url: `${urlOf(operation)}?x=%00`,
        headers: withBearer(operation),
      })),
    ).toBeGreaterThan(40);
  });

  test('not_authenticated, invalid_token, token_expired, token_revoked, account_disabled', async () => {
    const who = await person(world);
    const revoked = (await logIn(world, who)).access_token;
    await world.call('POST', '/logout', { token: revoked });
    const barred = await person(world);
    const disabled = (await logIn(world, barred)).access_token;
    await world.deps.db.run(sql`update users set disabled_at = now() where id = ${barred.id}::uuid`);
    const expired = (await logIn(world, who)).access_token;
    expect(await reach('not_authenticated', () => ({}))).toBeGreaterThan(30);
    expect(await reach('invalid_token', () => ({ headers: bearer('a.b.c') }))).toBeGreaterThan(30);
    expect(await reach('token_revoked', () => ({ headers: bearer(revoked) }))).toBeGreaterThan(30);
    expect(
      await reach('account_disabled', operation =>
        isGuarded(operation) ? { headers: bearer(disabled) } : null,
      ),
    ).toBeGreaterThan(30);
    world.deps.clock.advance(1800);
    expect(await reach('token_expired', () => ({ headers: bearer(expired) }))).toBeGreaterThan(30);
    world.deps.clock.advance(-1800);
  });

  test('user_required, permission_denied, reauthentication_required', async () => {
    const make = { name: 'reacher', permissions: [] };
    const client = (await world.call('POST', '/clients', { token: admin, body: make })).json();
    const headers = { authorization: `Basic ${btoa(`${client.id}:${client.secret}`)}` };
    const form = { grant_type: 'client_credentials' };
    const machine = (await world.call('POST', '/token', { form, headers })).json().access_token as string;
    expect(
      await reach('user_required', ({ path }) => (path === '/logout' ? null : { headers: bearer(machine) })),
    ).toBeGreaterThan(15);
    const user = (await logIn(world, await person(world))).access_token;
    expect(
      await reach('permission_denied', operation =>
        isGuarded(operation)
          ? { headers: bearer(user) }
          : { headers: { ...headers, ...json }, payload: JSON.stringify({ token: user }) },
      ),
    ).toBeGreaterThan(20);
    world.deps.clock.advance(601);
    const old = await reach('reauthentication_required', operation =>
      // Only another address needs it.
      operation.path === '/users/me' && operation.method === 'PUT'
        ? { headers: { ...bearer(admin), ...json }, payload: '{"email":"other@example.com"}' }
        : { headers: bearer(admin) },
    );
    expect(old).toBeGreaterThan(20);
    world.deps.clock.advance(-601);
  });

  test('rate_limited, of every route', async () => {
    const one = { points: 1, seconds: 60 };
    const groups = ['login', 'refresh', 'signup', 'reset', 'mail', 'mfa', 'oauth', 'admin', 'general'];
    const limited = await testApp({ rateLimit: Object.fromEntries(groups.map(group => [group, one])) });
    for (const operation of world.judge.operations) {
      const statuses: number[] = [];
      for (let count = 0; count < 2; count++)
        statuses.push(
          (await limited.app.inject({ method: operation.method as 'GET', url: urlOf(operation) })).statusCode,
        );
      expect([operation.path, statuses[1]]).toEqual([operation.path, 429]);
    }
    await limited.close();
  });

  test('database_unavailable, of every route that asks the database', async () => {
    const db = openDatabase({ connection: { host: '127.0.0.1', port: 9 }, poolMax: 1, prepare: true });
    const dead = { ...world.deps, db };
    const app = await createApp({ ...dead, keys: world.deps.keys });
    let refused = 0;
    for (const operation of world.judge.operations) {
      const payload = example(operation);
      const answer = await app.inject({
        method: operation.method as 'GET',
        url: urlOf(operation),
        headers: { ...withBearer(operation), ...(payload !== undefined && json) },
        ...(payload !== undefined && { payload: JSON.stringify(payload) }),
      });
      const name = `${operation.method} ${operation.path}`;
      // A public route may answer without it, or refuse the example for what it is before it asks.
      if (isGuarded(operation)) expect([name, answer.statusCode]).toEqual([name, 503]);
      else expect([name, answer.statusCode]).not.toEqual([name, 500]);
      world.judge.judge(operation.method, urlOf(operation), answer);
      if (answer.statusCode === 503) refused++;
    }
    expect(refused).toBeGreaterThan(50);
    await app.close();
    await db.close();
  });
});
