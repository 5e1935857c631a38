// Every refusal that the OpenAPI document declares of a route can be had from it.
import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Operation } from '../support/contract.ts';
import { accounts } from './refusals/accounts.ts';
import { administration } from './refusals/administration.ts';
import { factors } from './refusals/factors.ts';
import { federation } from './refusals/federation.ts';
import { signUp } from './refusals/sign-up.ts';
import { openStage, type Recipes, type Stage } from './refusals/stage.ts';
import { nameOf, openSweeps, type Sweep, urlOf } from './refusals/sweeps.ts';
import { tokens } from './refusals/tokens.ts';

const IMPLIED = [
  'malformed_request',
  'payload_too_large',
  'unsupported_media_type',
  'validation_failed',
  'not_authenticated',
  'invalid_token',
  'token_expired',
  'token_revoked',
  'account_disabled',
  'user_required',
  'permission_denied',
  'reauthentication_required',
  'rate_limited',
  'database_unavailable',
];

const recipes: Recipes = { ...signUp, ...tokens, ...factors, ...federation, ...accounts, ...administration };

let stage: Stage;
let sweeps: Sweep[];
let closeSweeps: () => Promise<void>;
beforeAll(async () => {
  stage = await openStage();
  ({ sweeps, close: closeSweeps } = await openSweeps(stage));
});
afterAll(async () => {
  await closeSweeps();
  await stage.close();
});

const codesOf = ({ responses }: Operation) =>
  Object.values(responses).flatMap(({ content }) =>
    Object.keys(content?.['application/json']?.examples ?? {}),
  );
const swept = (operation: Operation) =>
  sweeps.filter(({ code, send }) => codesOf(operation).includes(code) && send(operation) !== null);

// What clients are shown of a refusal is what they build upon; `factor_required` comes seldom.
const expectAsShown = (operation: Operation | undefined, answer: LightMyRequestResponse) => {
  const examples = operation?.responses[answer.statusCode]?.content?.['application/json']?.examples ?? {};
  const { value } = examples[answer.json().code] as { value: object };
  const { factor_required: _seldom, ...told } = answer.json();
  expect(Object.keys(told).sort(), `${operation?.path} ${answer.body}`).toEqual(Object.keys(value).sort());
};

describe('each refusal of a route of its own', () => {
  test.each(Object.entries(recipes))('%s', async (pair, reach) => {
    stage.world.deps.clock.set(new Date());
    const answer = await reach(stage);
    const { method, url } = answer.raw.req as { method: string; url: string };
    const { code } = answer.json();
    expect(code, `${method} ${url} ${answer.statusCode} ${answer.body}`).toBe(pair.split(' ')[2]);
    const { nameOf: nameOfRequest, operations } = stage.world.judge;
    const name = pair.split(' ').slice(0, 2).join(' ');
    expect(nameOfRequest(method, url)).toBe(name);
    expectAsShown(
      operations.find(each => nameOf(each) === name),
      answer,
    );
  });
});

describe('each refusal that access, schema and limits imply, of every route that declares it', () => {
  test.each(IMPLIED)('%s', async code => {
    const { judge, app, deps } = stage.world;
    const sweep = sweeps.find(each => each.code === code) as Sweep;
    const reached: string[] = [];
    const expected: string[] = [];
    deps.clock.set(new Date());
    deps.clock.advance(sweep.later ?? 0);
    for (const operation of judge.operations) {
      if (!swept(operation).includes(sweep)) continue;
      const request = { method: operation.method as 'GET', url: urlOf(operation), ...sweep.send(operation) };
      for (let times = 1; times < (sweep.times ?? 1); times++) await (sweep.app ?? app).inject(request);
      const answer = await (sweep.app ?? app).inject(request);
      judge.judge(operation.method, urlOf(operation), answer);
      expectAsShown(operation, answer);
      expected.push(`${nameOf(operation)} ${code}`);
      reached.push(`${nameOf(operation)} ${answer.json().code}`);
    }
    expect(reached).toEqual(expected);
    expect(reached.length).toBeGreaterThan(0);
  });
});

describe('nothing is left out', () => {
  test('every sweep is run', () => {
    expect(sweeps.map(({ code }) => code)).toEqual(IMPLIED);
  });

  test('what is declared is reached by a recipe or a sweep', () => {
    const missing = stage.world.judge.operations.flatMap(operation => {
      const name = nameOf(operation);
      const bySweep = new Set(swept(operation).map(({ code }) => code));
      return codesOf(operation)
        .filter(code => !bySweep.has(code) && recipes[`${name} ${code}`] === undefined)
        .map(code => `${name} ${code}`);
    });
    expect(missing).toEqual([]);
  });

  test('a recipe is of a refusal that is declared, and of none that a sweep reaches', () => {
    const declared = new Map(
      stage.world.judge.operations.map(operation => [
        nameOf(operation),
        new Set(codesOf(operation)).difference(new Set(swept(operation).map(({ code }) => code))),
      ]),
    );
    const stray = Object.keys(recipes).filter(pair => {
      const [method, path, code] = pair.split(' ');
      return !declared.get(`${method} ${path}`)?.has(code as string);
    });
    expect(stray).toEqual([]);
  });
});
