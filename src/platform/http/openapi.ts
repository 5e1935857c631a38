import type { FastifyInstance, RouteOptions } from 'fastify';
import { type ProblemCode, problems, reasonPhrase } from '../problems.ts';
import type { RouteConfig } from './access.ts';
import { basePathOf } from './base-path.ts';
import { errorExample, errorSchema, validationErrorSchema } from './error-schemas.ts';
import { exampleOf } from './examples.ts';
import { headerComponents, headersOfAnswer, headersOfRefusal } from './response-headers.ts';

type Json = Record<string, unknown>;

/** A route as it was declared. */
export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
  readonly config: RouteConfig;
  readonly schema: RouteSchema;
}

export interface RouteSchema {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly consumes?: readonly string[];
  readonly deprecated?: boolean;
  readonly body?: Json;
  readonly querystring?: Json;
  readonly params?: Json;
  readonly response?: Readonly<Record<string, Json>>;
  readonly security?: readonly Json[];
}

/** Remembers every route that is declared after it; the document is made from them when it is first asked for. */
export function collectRoutes(app: FastifyInstance): DeclaredRoute[] {
  const declared: DeclaredRoute[] = [];
  app.addHook('onRoute', (route: RouteOptions) => {
    const { config, schema, url } = route;
    if (config?.access === undefined || config.hidden === true) return;
    for (const method of [route.method].flat()) {
      if (method === 'HEAD' || method === 'OPTIONS') continue;
      declared.push({ method, url, config: config as RouteConfig, schema: (schema ?? {}) as RouteSchema });
    }
  });
  return declared;
}

/** The OpenAPI 3.1 document of the routes: their schemas, who may call them, every refusal that they can answer, and their headers. */
export function describeApi(
  routes: readonly DeclaredRoute[],
  { publicUrl, version }: { publicUrl: string; version: string },
): Json {
  const base = basePathOf(publicUrl);
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = describeOperation(route, components);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Entrecore Auth',
      version,
      description:
        'Sign-up, login, sessions, passwords, roles and second factors. Every route is also available under `/api/v1`. Errors carry a stable `code`. A path answers methods other than those listed with 405 and `Allow`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Not "/": programs append a path to it (§4.8.5), and a browser would take the "token" of "//token" for a host.
    servers: [{ url: publicUrl }],
    tags: [...new Set(routes.flatMap(({ schema }) => schema.tags ?? []))].map(name => ({ name })),
    paths,
    components: {
      securitySchemes: {
        client: { type: 'http', scheme: 'basic', description: 'A service client: its id and its secret.' },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        // Kept last, as /docs puts the cursor there: a person must not type their password into the form for service clients.
        login: {
          type: 'oauth2',
          // No refreshUrl: programs send a form with a grant_type there (RFC 6749 §6), which /refresh-token does not take.
          flows: { password: { tokenUrl: `${base}/token`, scopes: {} } },
        },
      },
      headers: headerComponents,
      schemas: {
        Error: toComponent(errorSchema, components),
        ValidationError: validationErrorSchema,
        ...components,
      },
    },
  };
}

function describeOperation({ method, url, config, schema }: DeclaredRoute, components: Json): Json {
  const name = `${method.toLowerCase()}${url.replaceAll(/[^A-Za-z0-9]+(\w)?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '')}`;
  const permission = typeof config.access === 'object' ? config.access.permission : null;
  const notes = [
    schema.description,
    permission === null ? null : `Needs the permission \`${permission}\`.`,
    config.recent === true ? 'Needs a login within REAUTH_MINUTES.' : null,
  ].filter(Boolean);
  const security = schema.security ?? (config.access === 'public' ? [] : [{ bearer: [] }, { login: [] }]);
  return {
    operationId: name,
    ...(schema.tags && { tags: schema.tags }),
    ...(schema.summary && { summary: schema.summary }),
    ...(notes.length > 0 && { description: notes.join('\n\n') }),
    ...(schema.deprecated && { deprecated: true }),
    security,
    ...(permission !== null && { 'x-permission': permission }),
    ...describeParameters(schema, components),
    ...describeBody(schema, components),
    responses: {
      ...describeRefusals(config, method),
      ...describeAnswers(config, schema, components),
    },
  };
}

function describeParameters({ params, querystring }: RouteSchema, components: Json): Json {
  const from = (schema: Json | undefined, place: string) =>
    Object.entries((schema?.properties ?? {}) as Record<string, Json>).map(([name, property]) => ({
      name,
      in: place,
      required: place === 'path' || requiredOf(schema ?? {}).includes(name),
      ...(property.description !== undefined && { description: property.description }),
      ...(property.deprecated === true && { deprecated: true }),
      schema: toComponent(property, components),
    }));
  const parameters = [...from(params, 'path'), ...from(querystring, 'query')];
  return parameters.length === 0 ? {} : { parameters };
}

function describeBody({ body, consumes = ['application/json'] }: RouteSchema, components: Json): Json {
  if (body === undefined) return {};
  const alternatives = body.anyOf as Json[] | undefined;
  const bodies = alternatives?.filter(({ type }) => type !== 'null');
  const schema = bodies?.length === 1 ? (bodies[0] as Json) : body;
  const { required: _required, ...rest } = schema;
  const required = requiredOf(schema);
  const asked = { ...(required.length > 0 && { required }), ...rest };
  const media = { schema: toComponent(asked, components), example: exampleOf(schema) };
  return {
    requestBody: {
      required: bodies === undefined || bodies.length === alternatives?.length,
      content: Object.fromEntries(consumes.map(type => [type, media])),
    },
  };
}

// A member with a default is filled in before the service looks for it, so the caller may leave it out.
function requiredOf({ required = [], properties = {} }: Json): string[] {
  const members = properties as Record<string, Json>;
  return (required as string[]).filter(name => members[name]?.default === undefined);
}

function describeAnswers(config: RouteConfig, { response = {} }: RouteSchema, components: Json): Json {
  return Object.fromEntries(
    Object.entries(response).map(([status, schema]) => {
      const description = (schema.description as string | undefined) ?? reasonPhrase(Number(status));
      const headers = headersOfAnswer(Number(status), config.headers);
      if (schema.type === 'null') return [status, { description, headers }];
      const type = (schema.contentType as string | undefined) ?? 'application/json';
      const media = { schema: toComponent(schema, components), example: exampleOf(schema) };
      return [status, { description, headers, content: { [type]: media } }];
    }),
  );
}

/** The refusals that a route can answer: its own, and those that its access, method and limits imply. */
export function refusalsOf(config: RouteConfig, method: string): ProblemCode[] {
  const codes = new Set<ProblemCode>(config.problems);
  const add = (...more: ProblemCode[]) => {
    for (const code of more) codes.add(code);
  };
  // Every route judges what surrounds a request: Authorization sent twice, U+0000 in the address.
  add('malformed_request', 'validation_failed');
  // A body is read even where the route has no use for one.
  if (method !== 'GET') add('payload_too_large', 'unsupported_media_type');
  if (config.access !== 'public') {
    add('not_authenticated', 'invalid_token', 'token_expired', 'token_revoked');
    if (config.access !== 'token') add('account_disabled');
  }
  if (config.access === 'user' || config.access === 'token') add('user_required');
  if (typeof config.access === 'object') add('permission_denied');
  if (config.recent === true) add('reauthentication_required');
  add('rate_limited');
  if (config.database !== false) add('database_unavailable');
  return [...codes];
}

function describeRefusals(config: RouteConfig, method: string): Json {
  const byStatus = Map.groupBy(refusalsOf(config, method), code => problems[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const examples = Object.fromEntries(
        codes.map(code => [code, { summary: problems[code].message, value: errorExample(code, config) }]),
      );
      const name = status === 422 ? 'ValidationError' : 'Error';
      return [
        String(status),
        {
          description: codes.map(code => `\`${code}\``).join(', '),
          headers: headersOfRefusal(status, codes),
          content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` }, examples } },
        },
      ];
    }),
  );
}

// A schema with a title becomes a component, so that clients made from the document have types with names.
function toComponent(schema: unknown, components: Json): unknown {
  if (Array.isArray(schema)) return schema.map(item => toComponent(item, components));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $id: _id, contentType: _type, ...rest } = widelyRead(schema as Json);
  const mapped = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, toComponent(value, components)]),
  );
  if (typeof rest.title !== 'string' || rest.type !== 'object') return mapped;
  const name = rest.title.replaceAll(/[^A-Za-z0-9]/g, '');
  components[name] = mapped;
  return { $ref: `#/components/schemas/${name}` };
}

// Generators of clients that grew up with OpenAPI 3.0 know neither `patternProperties` nor `const`, and make types without
// the members or the words that these give.
function widelyRead({ anyOf, patternProperties, ...rest }: Json): Json {
  const words = (anyOf as Json[] | undefined)?.map(each => each.const);
  if (words?.every(word => typeof word === 'string')) return { type: 'string', enum: words, ...rest };
  const map = patternProperties as Json | undefined;
  return {
    ...(anyOf !== undefined && { anyOf }),
    ...rest,
    ...(map !== undefined && { additionalProperties: map['^.*$'] }),
  };
}
