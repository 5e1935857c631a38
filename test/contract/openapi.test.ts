// The OpenAPI document: it validates, and what it declares of every route can be had.
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, type Judge } from '../support/contract.ts';
import { logIn, person } from '../support/people.ts';
import { headerAt } from '../support/response-headers.ts';

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

test('a path appended to its server is an address there, as programs made from it do (OpenAPI 3.1 §4.8.5)', () => {
  const { publicUrl } = world.deps.config.http;
  // Appended to "/", a path would begin with "//": a browser would send the password to a host named "token".
  expect(world.judge.document.servers).toEqual([{ url: publicUrl }]);
});

test('programs made from it pass on what browsers take and give for a passkey, without a cast', () => {
  const { schemas } = world.judge.document.components as { schemas: Record<string, object> };
  // A type with an index signature, as generators make of `additionalProperties: true`, takes no PublicKeyCredentialJSON.
  for (const name of ['PasskeyCreation', 'PasskeyAssertion'])
    expect(JSON.stringify(schemas[name]), name).not.toContain('additionalProperties');
  expect(schemas).toHaveProperty('PasskeyOptions.properties.options.required', ['challenge']);
  expect(schemas).toHaveProperty('PasskeyCreationOptions.properties.options.required', [
    'challenge',
    'rp',
    'user',
    'pubKeyCredParams',
  ]);
});

test('maps and choices between words are written as every generator of clients reads them', () => {
  const { schemas } = world.judge.document.components as { schemas: Record<string, object> };
  const text = JSON.stringify(world.judge.document);
  // Many generators know neither `patternProperties` nor `const`: the members of a map, or the words, were lost.
  expect(text.includes('patternProperties')).toBe(false);
  expect(text.includes('"anyOf":[{"type":"string","const"')).toBe(false);
  expect(schemas).toHaveProperty('Error.properties.checks.additionalProperties', { type: 'string' });
  expect(schemas).toHaveProperty('Passkey.properties.device_type', {
    type: 'string',
    enum: ['single_device', 'multi_device'],
  });
});

test('no two of its paths are one, written with other names of parameters (OpenAPI 3.1 §4.8.8.2)', () => {
  const paths = Object.keys(world.judge.document.paths as object);
  const alike = Map.groupBy(paths, path => path.replaceAll(/\{\w+\}/g, '{}'));
  expect([...alike.values()].filter(each => each.length > 1)).toEqual([]);
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

test('every example is one of its schema, and names nothing that was made up for the sake of the form', () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (ajvFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addFormat('idn-email', true);
  ajv.addSchema(world.judge.document, 'api');
  const check = (name: string, at: string[], media: Record<string, unknown>) => {
    const pointer = at.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
    const validate = ajv.compile({ $ref: `api#/${[...pointer, 'schema'].join('/')}` });
    const examples = Object.values((media.examples ?? {}) as Record<string, { value: unknown }>);
    for (const example of [media.example ?? {}, ...examples.map(({ value }) => value)].slice(
      media.example === undefined ? 1 : 0,
    ))
      expect(validate(example), `${name}: ${ajv.errorsText(validate.errors)}`).toBe(true);
  };
  for (const { method, path, requestBody, responses } of world.judge.operations) {
    const name = `${method} ${path}`;
    const at = ['paths', path, method.toLowerCase()];
    for (const [type, media] of Object.entries(requestBody?.content ?? {}))
      check(name, [...at, 'requestBody', 'content', type], media);
    for (const [status, { content }] of Object.entries(responses))
      for (const [type, media] of Object.entries(content ?? {}))
        check(`${name} ${status}`, [...at, 'responses', status, 'content', type], media);
  }
});

test('what the page at /docs fills in can be sent: an example of a request has no part that breaks it', () => {
  const exampleOf = (path: string) => {
    const operation = world.judge.operations.find(each => each.path === path && each.method === 'POST');
    return operation?.requestBody?.content['application/json']?.example;
  };
  expect(exampleOf('/token')).toEqual({
    grant_type: 'password',
    username: 'ada@example.com',
    password: 'Correct-horse-battery-1',
  });
  expect(exampleOf('/token/reauthenticate')).toEqual({ password: 'Correct-horse-battery-1' });
  // The cookie of step 1 is what step 2 takes where it is told of no other token.
  expect(exampleOf('/signup/set-password')).not.toHaveProperty('signup_token');
  // Nobody types in the code of a provider, and a passkey is no role.
  expect(exampleOf('/oauth/exchange')).toHaveProperty('code', 'SplxlOBeZQQYbYS6WxSbIA');
  expect(exampleOf('/mfa/passkeys')).toHaveProperty('name', 'My phone');
});

test('what the service fills in by itself, the document lets callers leave out', async () => {
  const filledIn = world.judge.operations.flatMap(({ method, path, parameters = [], requestBody }) => {
    const { properties = {}, required = [] } = (requestBody?.content['application/json']?.schema ?? {}) as {
      properties?: Record<string, { default?: unknown }>;
      required?: string[];
    };
    const members = Object.entries(properties).map(([name, schema]) => ({
      name,
      schema,
      required: required.includes(name),
    }));
    return [...parameters, ...members]
      .filter(({ schema }) => schema.default !== undefined)
      .map(each => ({ name: `${method} ${path} ${each.name}`, required: each.required }));
  });
  expect(filledIn.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['GET /users limit', 'POST /clients permissions', 'POST /roles mfa_required']),
  );
  expect(filledIn.filter(({ required }) => required)).toEqual([]);
  const token = (await logIn(world, await person(world, { roles: ['admin'] }))).access_token;
  expect((await world.call('GET', '/users', { token })).statusCode).toBe(200);
  const made = await world.call('POST', '/clients', { token, body: { name: 'reports' } });
  expect([made.statusCode, made.json().permissions]).toEqual([201, []]);
});

test('an answer that only says something is shown with the words that it says', async () => {
  const sentences = world.judge.operations.flatMap(({ responses }) =>
    Object.entries(responses).flatMap(([status, { content }]) => {
      const { message } = (content?.['application/json']?.example ?? {}) as { message?: string };
      return status.startsWith('2') && message !== undefined ? [message] : [];
    }),
  );
  expect(sentences).toHaveLength(14);
  expect(sentences.filter(sentence => !/ /.test(sentence))).toEqual([]);
  const said = await world.call('POST', '/password-reset/request', { body: { email: 'ada@example.com' } });
  expect(sentences).toContain(said.json().message);
});

test('an example of an answer is one that the route can give', () => {
  const shown = (path: string, method: string, status: string) =>
    world.judge.operations.find(each => each.path === path && each.method === method)?.responses[status]
      ?.content?.['application/json']?.example;
  expect(shown('/permissions', 'POST', '201')).toMatchObject({ name: 'reports:read' });
  expect(shown('/oauth/providers', 'GET', '200')).toEqual([{ id: 'google', name: 'Google' }]);
  expect(shown('/users/me/sessions', 'GET', '200')).toMatchObject({ items: [{ amr: ['pwd'] }] });
  expect(shown('/mfa', 'GET', '200')).toMatchObject({ factors: [{ kind: 'totp' }] });
  expect(shown('/users/me/identities', 'GET', '200')).toMatchObject([{ provider: 'google' }]);
});

test('an error names what it adds, and its example shows it', () => {
  const { document, operations } = world.judge;
  expect(document).toHaveProperty('components.schemas.Error.properties.mfa_token');
  const refused = operations.find(({ operationId }) => operationId === 'postToken')?.responses['401'];
  expect(refused?.content?.['application/json']?.examples?.mfa_required).toMatchObject({
    value: { mfa_token: expect.any(String), factors: ['totp'], expires_at: expect.any(String) },
  });
});

test('what it says of logging in is what OAuth programs can do', () => {
  const { document, operations } = world.judge;
  // A program sends a form with grant_type=refresh_token to a refreshUrl (RFC 6749 §6).
  expect(document).toHaveProperty('components.securitySchemes.login.flows', {
    password: { tokenUrl: '/token', scopes: {} },
  });
  expect(operations.find(({ operationId }) => operationId === 'postToken')).toHaveProperty('security', [
    {},
    { client: [] },
  ]);
});

test('what leads a browser on says that it has a Location', () => {
  const answers = world.judge.operations.flatMap(({ responses }) => Object.entries(responses));
  const leading = answers.filter(([status]) => status.startsWith('3'));
  expect(leading.map(([status]) => status)).toEqual(['302', '302', '303']);
  for (const [, answer] of leading) expect(answer.headers).toHaveProperty('Location');
  const located = answers.filter(([, { headers }]) => 'Location' in headers);
  expect(located).toEqual(leading);
});

test('every answer declares its headers, each with what it is and its schema', () => {
  for (const { method, path, responses } of world.judge.operations)
    for (const [status, { headers }] of Object.entries(responses)) {
      const name = `${method} ${path} ${status}`;
      const names = ['X-Request-Id', 'RateLimit-Policy', 'RateLimit'];
      if (status === '401') names.push('WWW-Authenticate');
      if (status === '429' || status === '503') names.push('Retry-After');
      expect(Object.keys(headers), name).toEqual(expect.arrayContaining(names));
      for (const header of Object.values(headers))
        expect(headerAt(world.judge.document, header), name).toMatchObject({
          description: expect.stringMatching(/\.$/),
          schema: { type: expect.any(String) },
        });
    }
});

test('a web client of another origin can read each header that is declared, but cookies and redirects', async () => {
  const declared = world.judge.operations.flatMap(({ responses }) =>
    Object.values(responses).flatMap(({ headers }) => Object.keys(headers)),
  );
  const { headers } = await world.call('GET', '/health', { headers: { origin: 'http://localhost:8000' } });
  const exposed = String(headers['access-control-expose-headers']).split(', ');
  // No script sees them: fetch follows a Location itself, and hides Set-Cookie (Fetch §2.2.2).
  const readable = new Set(declared).difference(new Set(['Location', 'Set-Cookie']));
  expect([...readable, 'Allow'].toSorted()).toEqual(exposed.toSorted());
});

test('an answer with a header that is not declared is told from it', async () => {
  const { judge } = world.judge;
  const answer = await world.call('GET', '/health');
  const judged = (more: object) => () =>
    judge('GET', '/health', { ...answer, headers: { ...answer.headers, ...more } } as typeof answer);
  expect(judged({ date: 'today' })).not.toThrow();
  for (const name of ['set-cookie', 'retry-after', 'x-more']) expect(judged({ [name]: '1' })).toThrow(name);
});

test('what sets cookies says so, and nothing else does', () => {
  const setting = world.judge.operations.flatMap(({ method, path, responses }) =>
    Object.entries(responses).flatMap(([status, { headers }]) =>
      'Set-Cookie' in headers ? [`${method} ${path} ${status}`] : [],
    ),
  );
  expect(setting.toSorted()).toEqual([
    'GET /oauth/{provider}/authorize 302',
    'GET /oauth/{provider}/callback 302',
    'POST /oauth/exchange 200',
    'POST /oauth/{provider}/id-token 200',
    'POST /signup 200',
    'POST /signup/google 200',
    'POST /signup/passkey 200',
    'POST /signup/passkey 202',
    'POST /signup/set-password 200',
    'POST /signup/set-password 202',
    'POST /token 200',
    'POST /token/email 202',
    'POST /token/email/verify 200',
    'POST /token/mfa 200',
    'POST /token/mfa/passkey 200',
    'POST /token/passkey 200',
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
