// http-api.md **Conventions**, asked of every route that the document has.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problems } from '../../src/platform/problems.ts';
import type { TestApp } from '../support/app.ts';
import { contractApp, type Judge, type Operation } from '../support/contract.ts';
import { logIn, person } from '../support/people.ts';

let world: TestApp & { judge: Judge };
let token: string;
beforeAll(async () => {
  world = await contractApp({
    signInByMail: true,
    sms: { webhook: { url: 'http://127.0.0.1:9', secret: 'sixteen bytes or more' } },
    google: { clientIds: ['web'], clientSecret: 'secret', issuer: 'http://127.0.0.1:9' },
  });
  token = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
});
afterAll(() => world.close());

const nameOf = ({ method, path }: Operation) => `${method} ${path}`;
const urlOf = ({ method, path }: Operation) =>
  path
    // The id of a provider.
    .replace(/identities\/\{id\}/g, method === 'POST' ? 'identities/google' : '$&')
    .replaceAll(/\{id\}/g, '019300f4-6f00-7000-8000-000000000001')
    .replaceAll(/\{provider\}/g, 'google')
    .replaceAll(/\{\w+\}/g, 'nonesuch');
const send = (operation: Operation, prefix = '', headers: Record<string, string> = {}, payload?: string) =>
  world.app.inject({
    method: operation.method as 'GET',
    url: `${prefix}${urlOf(operation)}`,
    headers,
    ...(payload !== undefined && { payload }),
  });

test('it stands at the root and under /api/v1 alike', async () => {
  for (const operation of world.judge.operations) {
    const [root, prefixed] = [await send(operation), await send(operation, '/api/v1')];
    expect([nameOf(operation), prefixed.statusCode]).toEqual([nameOf(operation), root.statusCode]);
    expect(prefixed.body).not.toContain('"not_found"');
  }
});

test('what surrounds a request is refused as is declared, also where nothing is read of it', async () => {
  const refusals: string[] = [];
  for (const operation of world.judge.operations) {
    const method = operation.method as 'GET';
    const twice: Record<string, string[]> = { authorization: ['Basic x', 'Basic y'] };
    for (const [url, headers] of [
      [`${urlOf(operation)}?x=%00`, {}],
      [urlOf(operation), twice],
    ] as const) {
      const answer = await world.app.inject({ method, url, headers });
      world.judge.judge(method, url, answer);
      refusals.push(answer.json().code);
    }
  }
  expect(new Set(refusals)).toEqual(new Set(['validation_failed', 'malformed_request']));
});

// RFC 6749 §3.2 for the first three. A page of the provider's may send more.
const IGNORING = ['POST /token', 'POST /oauth/{provider}/callback', 'POST /introspect', 'POST /revoke'];

test('an unknown member of a body is refused by its name, except where OAuth says otherwise', async () => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const bodies = world.judge.operations.filter(({ requestBody }) => requestBody !== undefined);
  const ignoring: string[] = [];
  for (const operation of bodies) {
    const answer = await send(operation, '', headers, '{"is_admin":true}');
    const extra = {
      type: 'extra_forbidden',
      loc: ['body', 'is_admin'],
      msg: 'Extra inputs are not permitted',
    };
    if (!answer.body.includes(JSON.stringify(extra))) ignoring.push(nameOf(operation));
  }
  expect(ignoring).toEqual(IGNORING);
});

test('where no body is asked for, nothing may be said in one, and an empty one is none', async () => {
  const bodiless = world.judge.operations.filter(
    ({ method, requestBody }) => method !== 'GET' && requestBody === undefined,
  );
  expect(bodiless.map(nameOf)).toContain('POST /logout');
  expect(bodiless.map(nameOf)).toContain('DELETE /users/me');
  const extra = { type: 'extra_forbidden', loc: ['body', 'a'], msg: 'Extra inputs are not permitted' };
  const object = {
    type: 'model_attributes_type',
    loc: ['body'],
    msg: 'Input should be a valid dictionary or object to extract fields from',
  };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  for (const operation of bodiless) {
    for (const [payload, issue] of [
      ['{"a":1}', extra],
      ['[]', object],
      ['"a"', object],
    ] as const) {
      const { detail } = (await send(operation, '', headers, payload)).json();
      expect([nameOf(operation), detail]).toEqual([nameOf(operation), expect.arrayContaining([issue])]);
    }
  }
  // Spends no token, and each of these three is looked at by the route.
  for (const payload of ['', '{}', 'null']) {
    const answer = await world.app.inject({
      method: 'POST',
      url: '/verify-email/nonesuch',
      headers: { 'content-type': 'application/json' },
      payload,
    });
    expect(answer.json().code).toBe('invalid_verification_token');
  }
});

test('every code of docs/errors.md is declared by a route, but for those that any request can meet', () => {
  const declared = world.judge.operations.flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ content }) =>
      Object.keys(content?.['application/json']?.examples ?? {}),
    ),
  );
  const rest = new Set(Object.keys(problems)).difference(new Set(declared));
  // A path or a method that nobody serves, a form of the hosted pages, a defect.
  expect([...rest].toSorted()).toEqual(['form_refused', 'internal_error', 'method_not_allowed', 'not_found']);
  const documented = readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(\w+)` \| (\d+) /gm);
  expect([...documented].map(([, code, status]) => [code, Number(status)])).toEqual(
    Object.entries(problems).map(([code, { status }]) => [code, status]),
  );
});
