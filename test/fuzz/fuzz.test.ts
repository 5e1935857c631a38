// Requests drawn from the OpenAPI document. CI makes the same ones each time; `npm run fuzz` makes others, for longer.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { type Judge, openJudge } from '../support/contract.ts';
import { logIn, PASSWORD, type Person, person } from '../support/people.ts';
import { type FuzzRequest, requestTo } from './requests.ts';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0);
const RUNS = 600;
const limits =
  SECONDS > 0
    ? { numRuns: 1e9, interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }
    : { numRuns: RUNS, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false, seed: 20_261_123 };

let world: TestApp;
let judge: Judge;
let people: Record<'admin' | 'user', Person>;
let tokens: Record<'admin' | 'user', string>;
beforeAll(async () => {
  world = await testApp({ lockout: { attempts: 0 } });
  judge = await openJudge(world);
  people = { admin: await person(world, { roles: ['admin'] }), user: await person(world) };
  tokens = { admin: '', user: '' };
});
afterAll(() => world.close());

// A request may have ended its own session, changed its password or closed its account.
async function renew(who: 'admin' | 'user'): Promise<void> {
  const me = await world.call('GET', '/users/me', { token: tokens[who] });
  if (me.statusCode === 200) return;
  const { email } = people[who];
  const answer = await world.call('POST', '/token', { form: { username: email, password: PASSWORD } });
  if (answer.statusCode !== 200)
    people = { ...people, [who]: await person(world, { roles: who === 'admin' ? ['admin'] : [] }) };
  tokens = { ...tokens, [who]: (await logIn(world, people[who])).access_token };
}

async function send({ operation, url, headers, payload, bearer }: FuzzRequest) {
  if (bearer === 'admin' || bearer === 'user') await renew(bearer);
  const token = { admin: tokens.admin, user: tokens.user, none: null, junk: 'a.b.c' }[bearer];
  return world.app.inject({
    method: operation.method as 'GET',
    url,
    headers: { ...headers, ...(token !== null && { authorization: `Bearer ${token}` }) },
    ...(payload !== undefined && { payload }),
  });
}

test(
  'whatever is sent, the answer is one that is declared, and never a defect',
  async () => {
    const components = (judge.document.components as { schemas: Record<string, Record<string, unknown>> })
      .schemas;
    const resolve = (schema: Record<string, unknown>) =>
      typeof schema.$ref === 'string' ? (components[schema.$ref.split('/').at(-1) as string] ?? {}) : schema;
    const ids = [people.user.id, people.admin.id, people.user.email, 'user', 'admin', 'users:read', 'google'];
    const requests = judge.operations.map(operation => requestTo(operation, { resolve, ids }));
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(fc.oneof(...requests), async request => {
        const answer = await send(request);
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        expect(answer.statusCode, `${request.operation.method} ${request.url} ${answer.body}`).toBeLessThan(
          500,
        );
        judge.judge(request.operation.method, request.url, answer);
      }),
      limits,
    );
    // The fuzzer that never gets past the door finds nothing behind it.
    const good = [...statuses].filter(([status]) => status < 300).reduce((sum, [, count]) => sum + count, 0);
    const all = [...statuses.values()].reduce((sum, count) => sum + count, 0);
    if (SECONDS > 0)
      process.stdout.write(
        `${all} requests: ${JSON.stringify([...statuses].toSorted(([a], [b]) => a - b))}\n`,
      );
    expect(good / all).toBeGreaterThan(0.18);
  },
  60_000 + SECONDS * 1000,
);

test('whatever path, method and headers are sent, the answer is no defect', async () => {
  const junk = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 }));
  const path = fc.oneof(
    fc.webPath().map(text => `/${text.replace(/^\/+/, '')}`),
    junk.map(text => `/${encodeURIComponent(text.toWellFormed())}`),
    junk.map(text => `/users/${text.replaceAll(/[^!-~]/g, '%')}`),
    fc.constantFrom(
      '/token',
      '/users/me',
      '/api/v1/users/me',
      '/docs',
      '/oauth/google/authorize',
      '/dev/mailbox',
      '/metrics',
    ),
  );
  const printable = fc.string({ maxLength: 80 }).map(text => text.replaceAll(/[^ -~]/g, ''));
  const headers = fc.record(
    {
      authorization: printable,
      cookie: printable,
      'x-request-id': printable,
      'x-forwarded-for': printable,
      'user-agent': printable,
      origin: printable,
      'content-type': printable,
      accept: printable,
    },
    { requiredKeys: [] },
  );
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS');
  await fc.assert(
    fc.asyncProperty(
      method,
      path,
      headers,
      fc.string({ maxLength: 80 }),
      async (verb, url, sent, payload) => {
        const answer = await world.app.inject({
          method: verb as 'GET',
          url,
          headers: sent,
          ...(verb !== 'GET' && verb !== 'HEAD' && verb !== 'OPTIONS' && { payload }),
        });
        expect(answer.statusCode, `${verb} ${url} ${answer.body}`).toBeLessThan(500);
      },
    ),
    {
      ...limits,
      numRuns: SECONDS > 0 ? 20_000 : 300,
      interruptAfterTimeLimit: SECONDS > 0 ? 60_000 : 10_000,
    },
  );
}, 90_000);

test('a service with a defect is found out', async () => {
  const broken = await testApp();
  const token = (await logIn(broken, await person(broken, { roles: ['admin'] }))).access_token;
  broken.deps.db.rows = () => Promise.reject(new Error('a defect'));
  const answer = await broken.call('GET', '/roles', { token });
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'internal_error' });
  expect(answer.body).not.toContain('a defect');
  await broken.close();
  expect(await world.deps.db.row(sql`select 1 as one`)).toEqual({ one: 1 });
});
