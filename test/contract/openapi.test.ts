// The OpenAPI document: it validates, and what it declares of every route can be had.
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, type Judge } from '../support/contract.ts';

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
    expect(operation.responses, name).toHaveProperty('429');
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
  for (const other of ['index.html', '..%2fpackage.json', 'constructor', '__proto__'])
    expect((await world.call('GET', `/docs/${other}`)).statusCode).toBe(404);
});
