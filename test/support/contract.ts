import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { type ProblemCode, problems } from '../../src/platform/problems.ts';
import { type TestApp, testApp } from './app.ts';
import { headerJudge } from './response-headers.ts';

export interface Operation {
  readonly method: string;
  /** As in the document: `/users/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly security: readonly Record<string, unknown>[];
  readonly 'x-permission'?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: Record<string, { schema: Json; example: unknown }>;
  };
  readonly responses: Record<string, Answer>;
}
export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: Json;
}
interface Answer {
  readonly headers: Readonly<Record<string, Json>>;
  readonly content?: Record<string, { schema: Json; example?: unknown; examples?: Record<string, unknown> }>;
}
type Json = Record<string, unknown>;

export interface Judge {
  readonly document: Json;
  readonly operations: readonly Operation[];
  /** Fails the test when an answer is not one that the OpenAPI document declares for this request. */
  judge(method: string, url: string, answer: LightMyRequestResponse): void;
  /** The operation that a request is for, as `POST /users/{id}/logout`. */
  nameOf(method: string, url: string): string | undefined;
}

/** The whole service, where every answer is held against the OpenAPI document as it arrives. */
export async function contractApp(
  overrides: Parameters<typeof testApp>[0] = {},
): Promise<TestApp & { readonly judge: Judge }> {
  const world = await testApp(overrides);
  const judge = await openJudge(world);
  return {
    ...world,
    judge,
    async call(method, url, options) {
      const answer = await world.call(method, url, options);
      judge.judge(method, url, answer);
      return answer;
    },
  };
}

/** Reads the OpenAPI document of a service, and judges its answers by it. */
export async function openJudge({ call }: Pick<TestApp, 'call'>): Promise<Judge> {
  const document = (await call('GET', '/openapi.json')).json() as Json;
  const operations = Object.entries(document.paths as Record<string, Json>).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) =>
        ({ ...(operation as Operation), method: method.toUpperCase(), path }) as Operation,
    ),
  );
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (ajvFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, 'api');
  const judgeHeaders = headerJudge(ajv, document);
  const validators = new Map<string, ValidateFunction>();
  const validatorOf = (pointer: string) => {
    const made = validators.get(pointer) ?? ajv.compile({ $ref: `api#${pointer}` });
    validators.set(pointer, made);
    return made;
  };
  const routes = operations
    .map(operation => ({ operation, pattern: patternOf(operation.path) }))
    .toSorted((a, b) => a.operation.path.split('{').length - b.operation.path.split('{').length);
  const find = (method: string, url: string) => {
    const { pathname } = new URL(url.replace(/^\/api\/v1(?=\/)/, ''), 'http://localhost');
    return routes.find(
      ({ operation: { method: declared }, pattern }) => declared === method && pattern.test(pathname),
    )?.operation;
  };

  return {
    document,
    operations,
    nameOf(method, url) {
      const operation = find(method, url);
      return operation && `${operation.method} ${operation.path}`;
    },
    judge(method, url, answer) {
      const operation = find(method, url);
      conventions(answer);
      // A path that the router cannot take for this route, or that is another one's: /users/me is no /users/{id}.
      if (operation === undefined || answer.statusCode === 405) return;
      if (answer.statusCode === 404 && answer.json().code === 'not_found') return;
      const name = `${method} ${operation.path}`;
      const status = String(answer.statusCode);
      const declared = operation.responses[status];
      expect(declared, `${name} answers ${status}, undeclared: ${answer.body.slice(0, 300)}`).toBeDefined();
      judgeHeaders(`${name} ${status}`, declared?.headers ?? {}, answer.headers);
      const [type] = Object.keys(declared?.content ?? {});
      if (declared === undefined || type === undefined) {
        expect(answer.body, name).toBe('');
        return;
      }
      expect(answer.headers['content-type'], name).toContain(type);
      if (type !== 'application/json') return;
      const pointer = [
        'paths',
        operation.path,
        method.toLowerCase(),
        'responses',
        status,
        'content',
        type,
        'schema',
      ];
      const validate = validatorOf(`/${pointer.map(escapePointer).join('/')}`);
      if (SECRET.test(answer.body)) expect(answer.headers['cache-control'], name).toBe('no-store');
      const body = answer.json();
      const more = undeclared(document, declared.content?.[type]?.schema ?? {}, body);
      expect(more, `${name} ${status} says more than is declared`).toEqual([]);
      expect(validate(body), `${name} ${status}: ${ajv.errorsText(validate.errors)} ${answer.body}`).toBe(
        true,
      );
      if (answer.statusCode >= 400 && body.code !== undefined)
        expect(Object.keys(declared.content?.[type]?.examples ?? {}), name).toContain(body.code);
    },
  };
}

/** The members of a value that its schema does not name, as `actor.kind`; none where the schema is open. */
function undeclared(document: Json, schema: Json, value: unknown, at = ''): string[] {
  if (typeof schema.$ref === 'string') {
    const { schemas } = document.components as { schemas: Record<string, Json> };
    return undeclared(document, schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}, value, at);
  }
  if (Array.isArray(schema.anyOf)) {
    const each = (schema.anyOf as Json[]).map(part => undeclared(document, part, value, at));
    return each.find(names => names.length === 0) ?? each[0] ?? [];
  }
  if (Array.isArray(value))
    return value.flatMap(item => undeclared(document, (schema.items ?? {}) as Json, item, `${at}[]`));
  if (typeof value !== 'object' || value === null || schema.properties === undefined) return [];
  const properties = schema.properties as Record<string, Json>;
  return Object.entries(value).flatMap(([name, member]) => {
    const part = properties[name];
    if (part !== undefined) return undeclared(document, part, member, `${at}.${name}`);
    return schema.additionalProperties === true && schema.title !== 'Introspection' ? [] : [`${at}.${name}`];
  });
}

// A token, a code or a profile.
const SECRET = /"(\w*_token|secret|recovery_codes|qr_svg|email|first_name|pending_email|sub|ip)":/;

// What http-api.md **Conventions** promises of every answer.
function conventions({ statusCode, headers, body }: LightMyRequestResponse): void {
  expect(headers['x-request-id']).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
  if (statusCode < 400 || body === '' || !String(headers['content-type']).includes('json')) return;
  const error = JSON.parse(body);
  expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  expect(error.request_id).toBe(headers['x-request-id']);
  expect(problems[error.code as ProblemCode].status).toBe(statusCode);
  expect(headers['cache-control']).toBe('no-store');
  if (statusCode === 422) {
    for (const issue of error.detail)
      expect(issue).toEqual({ type: expect.any(String), loc: expect.any(Array), msg: expect.any(String) });
  } else expect(error.detail).toEqual(expect.any(String));
  if (statusCode === 401) expect(headers['www-authenticate']).toMatch(/^(Bearer|Basic realm=)/);
  if (statusCode === 429 || statusCode === 503) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
}

const patternOf = (path: string) =>
  new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}/?$`);
const escapePointer = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

/** The refusal that the answer is: its status, code and, where given, detail. */
export function expectProblem(answer: LightMyRequestResponse, code: ProblemCode, detail?: unknown): void {
  expect([answer.json().code, answer.statusCode], answer.body).toEqual([code, problems[code].status]);
  if (detail !== undefined) expect(answer.json().detail).toEqual(detail);
}

/** The 422 that names these members, as `body.password string_too_short`. */
export function expectIssues(answer: LightMyRequestResponse, ...issues: string[]): void {
  expectProblem(answer, 'validation_failed');
  const { detail } = answer.json() as { detail: { type: string; loc: string[] }[] };
  expect(detail.map(({ type, loc }) => `${loc.join('.')} ${type}`).toSorted()).toEqual(issues.toSorted());
}
