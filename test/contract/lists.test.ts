// http-api.md **Conventions**: lists page by opaque cursor. What nobody was given is refused, and never a defect.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem, type Judge } from '../support/contract.ts';
import { logIn, person } from '../support/people.ts';

let world: TestApp & { judge: Judge };
let token: string;
beforeAll(async () => {
  world = await contractApp();
  token = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
});
afterAll(() => world.close());

const ID = '019300f4-6f00-7000-8000-000000000001';
const get = (url: string) => world.call('GET', url, { token });
const cursorOf = (text: string) => encodeURIComponent(Buffer.from(text).toString('base64url'));

test.each([
  'null',
  '{"length":1}',
  '[1]',
  '[[]]',
  String.raw`["\u0000"]`,
  String.raw`["\ud800"]`,
  `["9999-99-99T99:99:99.999Z","${ID}"]`,
  `["2026-02-30T00:00:00.000Z","${ID}"]`,
  `["0000-01-01T00:00:00.000Z","${ID}"]`,
  `["-999999999999999999","${ID}"]`,
  `["999999999999999999","${ID}"]`,
])('the cursor %s is of no list', async text => {
  const lists = world.judge.operations.filter(({ parameters = [] }) =>
    parameters.some(({ name }) => name === 'cursor'),
  );
  expect(lists.map(({ path }) => path).toSorted()).toEqual([
    '/audit-events',
    '/clients',
    '/invitations',
    '/permissions',
    '/roles',
    '/users',
    '/users/me/activity',
    '/users/me/devices',
    '/users/me/sessions',
  ]);
  for (const { path } of lists) {
    const answer = await get(`${path}?cursor=${cursorOf(text)}`);
    expectProblem(answer, 'validation_failed');
    const [{ type, loc }] = answer.json().detail;
    expect([path, type, loc]).toEqual([path, 'cursor_invalid', ['query', 'cursor']]);
  }
});

test.each(['sessions', 'devices'])('my %s page by cursor, the latest first, each once', async list => {
  const who = await person(world);
  const logins: string[] = [];
  for (let times = 0; times < 5; times++) {
    logins.push((await logIn(world, who)).access_token);
    // Two of them at the same moment.
    if (times !== 2) world.deps.clock.advance(1);
  }
  const mine = async (query: string) =>
    (await world.call('GET', `/users/me/${list}${query}`, { token: String(logins.at(-1)) })).json();
  const whole = await mine('');
  expect([whole.items.length, whole.next_cursor]).toEqual([5, null]);
  expect(whole.items.map(({ current }: { current: boolean }) => current)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
  const first = await mine('?limit=2');
  const second = await mine(`?limit=2&cursor=${first.next_cursor}`);
  const third = await mine(`?limit=2&cursor=${second.next_cursor}`);
  expect([first, second, third].flatMap(({ items }) => items)).toEqual(whole.items);
  expect([first, second, third].map(({ items }) => items.length)).toEqual([2, 2, 1]);
  expect(third.next_cursor).toBeNull();
  // As FastAPI says it.
  for (const [limits, type, msg] of [
    [['0', '-1'], 'greater_than_equal', 'Input should be greater than or equal to 1'],
    [['201'], 'less_than_equal', 'Input should be less than or equal to 200'],
    [
      ['1.5', 'x', '', '1e2', '0x10'],
      'int_parsing',
      'Input should be a valid integer, unable to parse string as an integer',
    ],
  ] as const)
    for (const limit of limits) {
      const answer = await get(`/users/me/${list}?limit=${limit}`);
      expectProblem(answer, 'validation_failed');
      expect(answer.json().detail, limit).toEqual([{ type, loc: ['query', 'limit'], msg }]);
    }
  expectIssues(await get(`/users/me/${list}?page=2`), 'query.page extra_forbidden');
});

test.each([
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+23:59',
  '9999-12-31T23:59:59-23:59',
  '2026-12-31T23:59:60Z',
  '2026-02-30T00:00:00Z',
  '2026-11-23',
  'yesterday',
])('the audit trail knows no time %s', async text => {
  for (const member of ['from', 'to'])
    expectIssues(
      await get(`/audit-events?${member}=${encodeURIComponent(text)}`),
      `query.${member} datetime_parsing`,
    );
});

test('the first and the last instant are times, in any offset', async () => {
  for (const text of ['0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '2026-11-23T12:00:00+03:00'])
    expect((await get(`/audit-events?from=${encodeURIComponent(text)}`)).statusCode, text).toBe(200);
});

test('a filter without a value is refused, as it would match nothing; a q without one looks for nothing', async () => {
  for (const [list, filters] of [
    ['/users', ['role', 'disabled', 'limit', 'cursor']],
    ['/audit-events', ['user_id', 'type', 'from', 'to', 'limit', 'cursor']],
  ] as const)
    for (const filter of filters) {
      const answer = await get(`${list}?${filter}=`);
      expect([filter, answer.statusCode]).toEqual([filter, 422]);
      expect(answer.json().detail[0].loc).toEqual(['query', filter]);
    }
  expect((await get('/users?q=')).json().items).not.toEqual([]);
});

test('what means something to SQL means itself in q', async () => {
  await person(world, { email: 'plain@wild.example' });
  for (const q of ['%', '_', '%25', 'p%', 'plai_', '\\', "'", "' or true --", '.*', '\u{10ffff}', '*'])
    expect((await get(`/users?q=${encodeURIComponent(q)}`)).json().items, q).toEqual([]);
  expect((await get('/users?q=PLAIN')).json().items).toHaveLength(1);
});

test('a name holds nothing that turns the text around it', async () => {
  for (const name of ['\u202egnp.exe', 'a\u2066b', 'a\u2028b', 'a\r\nBcc: x@example.com']) {
    const answer = await world.call('PUT', '/users/me', { token, body: { first_name: name } });
    expectIssues(answer, 'body.first_name value_error');
  }
  const joined = await world.call('PUT', '/users/me', { token, body: { first_name: 'می‌خواهم' } });
  expect(joined.json().first_name).toBe('می‌خواهم');
});
