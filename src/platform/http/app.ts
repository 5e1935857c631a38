import type { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify';
import type { Caller } from '../caller.ts';
import type { Config } from '../config.ts';
import { type Log, plainLines } from '../log.ts';
import { Problem, type ProblemCode } from '../problems.ts';
import type { Random } from '../random.ts';
import { BODY_LIMIT, readJsonBodies, unstorable } from './bodies.ts';
import { addressReader } from './client-address.ts';
import { answerProblem } from './errors.ts';
import { hungUpSignal } from './hang-up.ts';
import { securityHeaders } from './headers.ts';
import { secureCookies } from './https.ts';
import { answerLast } from './last-answers.ts';
import { refuseConnection } from './refuse-connection.ts';
import { answerUnknown } from './unknown.ts';
import { compileSerializer, compileValidator } from './validation.ts';
import './access.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** The prefix under which every route is served a second time, for clients of the original. */
export const API_PREFIX = '/api/v1';

const SANE_REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

declare module 'fastify' {
  interface FastifyRequest {
    /** The peer's address, or the one that believed proxies name (TRUST_PROXY). */
    clientAddress: string;
    /** The value of `patternOf`, once the route's guards have begun. */
    pattern: string | null;
    /** Why the request was refused, for its line in the log. */
    problem: ProblemCode | null;
  }
}

export interface HttpOptions {
  readonly config: Config;
  readonly log: Log;
  readonly random: Random;
  /** PEM texts; without them the server speaks plain HTTP. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** How long the headers (before them the TLS handshake) and the whole request may take; a client that is slower is cut off. */
  readonly patience?: { readonly headersMs: number; readonly requestMs: number };
}

const MAX_HEADER_SIZE = 16_384;
const PATIENCE = { headersMs: 10_000, requestMs: 30_000 };

/** A server with the conventions of every answer and no routes: ids, bodies, errors, headers, limits of time and size. */
export function createHttp({ config, log, random, tls, patience = PATIENCE }: HttpOptions): App {
  // Node looks for slow clients at intervals only.
  const limits = {
    headersTimeout: patience.headersMs,
    connectionsCheckingInterval: Math.min(1_000, patience.headersMs),
    maxHeaderSize: MAX_HEADER_SIZE,
    insecureHTTPParser: false,
    // Node itself would refuse a missing Host without a word.
    requireHostHeader: false,
  };
  const refuse = refuseConnection(random);
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: patience.requestMs,
    connectionTimeout: 60_000,
    clientErrorHandler: refuse,
    keepAliveTimeout: 75_000,
    // While a stop waits, what still comes is answered (`answerLast`).
    return503OnClosing: false,
    // Named here, because Fastify would otherwise load its own compilers.
    schemaController: {
      compilersFactory: {
        buildValidator: () => compileValidator as never,
        buildSerializer: () => compileSerializer,
      },
    },
    // No part of a path can be this long: what the router refused for its length, no hook would see and no schema would
    // judge.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_HEADER_SIZE },
    genReqId: request => {
      const sent = request.headers['x-request-id'];
      return typeof sent === 'string' && SANE_REQUEST_ID.test(sent) ? sent : random.uuid();
    },
    // A request that the router refuses reaches no hook.
    frameworkErrors: (error, request, reply) => {
      securityHeaders(config).call(app, request, reply, () => {});
      void answerProblem(error, request, reply, log);
    },
    rewriteUrl: ({ url: target = '/' }) => {
      const url = originForm(target);
      if (!isReadable(url)) return UNREADABLE;
      return isPrefixed(url) ? url.slice(API_PREFIX.length) || '/' : url;
    },
    ...(tls
      ? { https: { ...tls, minVersion: 'TLSv1.2', handshakeTimeout: patience.headersMs, ...limits } }
      : { http: limits }),
  } as FastifyServerOptions).withTypeProvider<TypeBoxTypeProvider>();

  // Node would answer an unknown expectation with an empty 417, and CONNECT not at all. RFC 9110 §10.1.1 allows serving a
  // request with an unknown expectation.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
  app.server.on('connect', (_request, socket) => refuse(new Error('This is no proxy'), socket as Socket));

  const readAddress = addressReader(config.http.trustProxy);
  app.decorateRequest('clientAddress', '');
  app.decorateRequest('pattern', null);
  app.decorateRequest('problem', null);
  app.addHook('onRequest', (request, _reply, done) => {
    const forwardedFor = request.headers['x-forwarded-for'] as string | undefined;
    request.clientAddress = readAddress(request.raw.socket.remoteAddress, forwardedFor);
    done();
  });
  readJsonBodies(app);
  app.setErrorHandler((error, request, reply) => answerProblem(error, request, reply, log));
  app.addHook('onRequest', securityHeaders(config));
  const refuseMethod = answerUnknown(app, log);
  app.addHook('onSend', secureCookies(config.http));
  answerLast(app);
  app.addHook('onRequest', (request, reply, done) => {
    if (isAmbiguous(request.raw)) {
      // What follows on the connection may be smuggled.
      void reply.header('connection', 'close');
      return done(new Problem('malformed_request'));
    }
    done();
  });
  void app.register(cors, {
    origin: [...config.http.corsOrigins],
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'X-Request-Id',
      'Retry-After',
      'RateLimit',
      'RateLimit-Policy',
      'WWW-Authenticate',
      'Content-Disposition',
      'Allow',
    ],
    maxAge: 600,
    // OPTIONS from a client that is no browser asks what may be done here (RFC 9110 §9.3.7), and is no malformed preflight.
    strictPreflight: false,
  });
  // After the CORS plugin: without its headers, a web client of another origin could not read these refusals.
  app.addHook('onRequest', (request, _reply, done) => done(refusalOfWhatIsSent(request)));
  app.addHook('onRequest', refuseMethod);
  logRequests(app, log);
  return app;
}

/** The path of the request's route with the names of its parameters, or null where there is none. */
export function patternOf(request: FastifyRequest): string | null {
  // Fastify makes a new object of twelve members each time that `routeOptions` is read.
  return request.pattern ?? request.routeOptions.url ?? null;
}

/** Where the request came from. */
export function callerOf(request: Asked): Caller {
  return new RequestCaller(request);
}

type Asked = Pick<FastifyRequest, 'id' | 'clientAddress' | 'headers' | 'socket'>;

// A class for the sake of its getter: a request that waits for nothing then makes no signal and no listener on its
// connection.
class RequestCaller implements Caller {
  readonly requestId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly #request: Asked;

  constructor(request: Asked) {
    this.requestId = request.id;
    this.ip = request.clientAddress;
    this.userAgent = (request.headers['user-agent'] ?? '').slice(0, 300);
    this.#request = request;
  }

  get hungUp(): AbortSignal {
    return hungUpSignal(this.#request.socket);
  }
}

// Stands for a URL that cannot be decoded; no request line can hold it (RFC 9112 §3). The router would refuse such a URL
// before any hook, and the request would be missing from the log and the metrics.
const UNREADABLE = '/ ';

// A client may send the whole URL, as to a proxy (RFC 9112 §3.2.2). The router finds its routes in one, but our prefix check
// would not match.
function originForm(target: string): string {
  if (target.startsWith('/') || target === '*') return target;
  const rest = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function isReadable(url: string): boolean {
  if (!url.includes('%')) return true;
  try {
    decodeURI(url.replace(/[?#].*$/s, ''));
    return true;
  } catch {
    return false;
  }
}

function isPrefixed(url: string): boolean {
  if (!url.startsWith(API_PREFIX)) return false;
  const next = url[API_PREFIX.length];
  return next === undefined || next === '/' || next === '?';
}

function refusalOfWhatIsSent(request: FastifyRequest): Problem | undefined {
  if (request.url === UNREADABLE) return new Problem('malformed_request');
  if (request.url.includes('%00')) return unstorable(placeOfNul(request));
  const encoding = request.method === 'GET' ? undefined : request.headers['content-encoding'];
  return encoding === undefined || encoding.toLowerCase() === 'identity'
    ? undefined
    : new Problem('unsupported_media_type', { message: 'Send the body without a Content-Encoding.' });
}

// Host and Authorization may be sent only once (RFC 9112 §3.2, RFC 9110 §5.3): Node silently keeps the first, and a proxy
// before us may have gone by the other. Only HTTP/1.0 may omit Host, and it has no Transfer-Encoding (RFC 9112 §6.1): a proxy
// may have seen another end of the body or, with a coding that we do not undo, another body.
function isAmbiguous({ rawHeaders, headers, httpVersion }: FastifyRequest['raw']): boolean {
  let [hosts, authorizations] = [0, 0];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
    else if (name.length === 13 && name.toLowerCase() === 'authorization') authorizations++;
  }
  if (hosts > 1 || authorizations > 1) return true;
  const { host, 'transfer-encoding': coding } = headers;
  if (coding !== undefined && (httpVersion !== '1.1' || coding.toLowerCase() !== 'chunked')) return true;
  return host === undefined ? httpVersion !== '1.0' : !HOST.test(host);
}

// RFC 9110 §7.2: uri-host [ ":" port ], which may be empty. Anything else is answered with 400 (RFC 9112 §3.2).
const HOST = /^(?:\[[\w.~%!$&'()*+,;=:-]+\]|[\w.~%!$&'()*+,;=-]*)(?::\d*)?$/;

const QUIET = new Set(['/livez', '/readyz', '/health', '/metrics']);

// One line for each answer. The query string stays out: it may carry a deprecated token.
function logRequests(app: FastifyInstance, log: Log): void {
  const write = plainLines(log, 'request');
  app.addHook('onResponse', (request, reply, done) => {
    const route = patternOf(request);
    if (route === null || !QUIET.has(route)) {
      const ms = Math.round(reply.elapsedTime * 10) / 10;
      // A sane id and an HTTP method contain nothing that JSON would escape.
      const asked = `"request_id":"${request.id}","method":"${request.method}","route":${JSON.stringify(route)}`;
      const ip = JSON.stringify(request.clientAddress);
      const refused = request.problem === null ? '' : `,"problem":"${request.problem}"`;
      write(`${asked},"status":${reply.statusCode}${refused},"ms":${ms},"ip":${ip}`);
    }
    done();
  });
}

// The parameter of a URL whose value contains U+0000. If its name does, the name is not repeated.
function placeOfNul({ params, query }: FastifyRequest): string[] {
  for (const [part, values] of [
    ['path', params],
    ['query', query],
  ] as const)
    for (const [name, value] of Object.entries(values ?? {}))
      if (String(value).includes('\0')) return [part, name];
  return ['query'];
}
