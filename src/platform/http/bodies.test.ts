import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../../test/support/app.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

const TWICE = 'The body has a member twice in one object.';

/** What a route that keeps nothing says of a body. */
async function toldOf(payload: string) {
  const headers = { 'content-type': 'application/json' };
  const answer = await service.app.inject({ method: 'POST', url: '/token', headers, payload });
  return { status: answer.statusCode, code: answer.json().code, message: answer.json().message };
}

test.each([
  '{"username":"ada","username":"bob","password":"x"}',
  String.raw`{"username":"ada","user\u006eame":"bob"}`,
  '{"username":"ada","x":{"a":1,"b":[{"c":1,"c":2}]}}',
  '{"":1,"":1}',
  '[{"a":1,"a":1}]',
  '{"toString":1,"toString":1}',
  '{"1":1,"1":1}',
  '{"a":{"a":":"},"a":1}',
])('a member that an object has twice is refused (RFC 8259 §4): %s', async payload => {
  expect(await toldOf(payload)).toEqual({ status: 400, code: 'malformed_request', message: TWICE });
});

test('the last of two addresses is not what a reset goes to', async () => {
  const answer = await service.app.inject({
    method: 'POST',
    url: '/password-reset/request',
    headers: { 'content-type': 'application/json' },
    payload: '{"email":"ada@example.com","email":"eve@example.com"}',
  });
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'malformed_request']);
});

test.each([
  '{"username":"a:b\\\\","password":"\\":{\\"a\\":1,\\"a\\":1}"}',
  '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
  '{"a:a":":","a":"::\\\\\\":"}',
  ' { "a" : null , "A" : [ ] , "b" : { } } ',
  '\ufeff{"a":1}',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
])('the same name elsewhere, and what looks like one within a string, is none: %s', async payload => {
  expect((await toldOf(payload)).message).not.toBe(TWICE);
});

test('no JSON of which each object has its members once is refused for it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 4 }), async payload => {
      expect((await toldOf(payload)).message).not.toBe(TWICE);
    }),
    { numRuns: 300 },
  );
});

test.each([
  'application/x-www-form-urlencoded',
  'text/plain;charset=UTF-8',
  'application/octet-stream',
  'application/json',
  'none at all',
])('an empty body is none, also where it is said to be %s', async type => {
  const send = (url: string, payload: string) =>
    service.app.inject({ method: 'POST', url, headers: { 'content-type': type }, payload });
  expect((await send('/password-reset/request?email=ada@example.com', '')).statusCode).toBe(200);
  expect((await send('/refresh-token?token=x', '')).json().code).toBe('invalid_refresh_token');
  expect((await send('/logout', '')).json().code).toBe('not_authenticated');
  expect((await send('/token', '')).json().code).toBe('validation_failed');
  if (type !== 'application/json') expect((await send('/refresh-token?token=x', ' ')).statusCode).toBe(415);
});
