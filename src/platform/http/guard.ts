import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  RouteHandlerMethod,
} from 'fastify';
import type { Caller } from '../caller.ts';
import { isRemovedMeanwhile } from '../database-errors.ts';
import { Problem } from '../problems.ts';
import type { RateGroup } from '../rate-groups.ts';
import type { Access } from './access.ts';
import { callerOf } from './app.ts';
import { bearerIn, speaksBearer } from './bearer.ts';
import { openTurns } from './turns.ts';

export interface RateVerdict {
  readonly allowed: boolean;
  /** Whole seconds until a request may pass again. */
  readonly retryAfter: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the slices below give the platform to guard routes with. */
export interface Guards {
  /** Who the bearer of the token is. Refuses as sessions/authenticate.ts says. */
  authenticate(
    token: string,
    caller: Caller,
    needs: { access: Exclude<Access, 'public'>; recent: boolean },
  ): Promise<object>;
  /** Null where nothing is counted. Answers at once in memory, within one command timeout on Redis. */
  checkRate(group: RateGroup, caller: Caller): RateVerdict | null | Promise<RateVerdict | null>;
  /** Counts by caller, once the caller is known. Refuses with `rate_limited`. */
  limitPrincipal(group: RateGroup, principal: object, caller: Caller): Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; null on a public route. Read it through sessions/principal.ts. */
    principal: object | null;
    /** The token that was sent with the request; null on a public route. */
    bearer: string | null;
  }
}

// Requests that hash a password cost the one thread most before the hash begins; many at once would hold up all others.
const HASHING: ReadonlySet<RateGroup> = new Set(['login', 'signup', 'reset']);
const HASHING_A_TURN = 2;

/**
 * Builds each route's guards from its `config`: the rate limit is checked before the body is read; the bearer, and what the
 * route needs of it, only once the body is there. A client may send its body slowly, and a session that ended or a permission
 * that was taken away meanwhile must not pass.
 */
export function guardRoutes(app: FastifyInstance, { authenticate, checkRate, limitPrincipal }: Guards): void {
  app.decorateRequest('principal', null);
  app.decorateRequest('bearer', null);
  const takeTurns = openTurns(HASHING_A_TURN);
  app.addHook('onRoute', route => {
    // The preflight route of the CORS plugin, which is answered before any guard.
    if (route.method === 'OPTIONS') return;
    const { access, recent = false, limit = 'general' } = route.config ?? {};
    if (access === undefined)
      throw new Error(`${String(route.method)} ${route.url} does not declare its access`);

    const inTurn = HASHING.has(limit);
    const limitRate: onRequestHookHandler = (request, reply, done) => {
      request.pattern = route.url;
      const begin = (rate: RateVerdict | null) => {
        const refused =
          (rate === null ? null : refusalOf(rate, reply)) ??
          (access === 'public' ? undefined : takeBearer(request));
        if (inTurn && refused === undefined) takeTurns(done);
        else done(refused);
      };
      const counted = checkRate(limit, callerOf(request));
      if (counted instanceof Promise) counted.then(begin, done);
      else begin(counted);
    };
    route.onRequest = [limitRate, ...hooksOf(route.onRequest)];
    const admit = async (request: FastifyRequest) => {
      if (access === 'public') return;
      const caller = callerOf(request);
      request.principal = await authenticate(request.bearer as string, caller, { access, recent });
      if (limit !== 'general') await limitPrincipal(limit, request.principal, caller);
    };
    if (access !== 'public') route.preValidation = [admit, ...hooksOf(route.preValidation)];
    route.handler = onceMore(route.handler, admit);
  });
}

/**
 * A handler that begins again, from the bearer on, if an account was removed between its read and its write: nothing was
 * written then, and the second run gives the answer for an account that is not there.
 */
function onceMore(
  handler: RouteHandlerMethod,
  admit: (request: FastifyRequest) => Promise<void>,
): RouteHandlerMethod {
  return function (request, reply) {
    const answer: unknown = handler.call(this, request, reply);
    if (!(answer instanceof Promise)) return answer;
    return answer.catch(async (error: unknown) => {
      if (!isRemovedMeanwhile(error)) throw error;
      await admit(request);
      return handler.call(this, request, reply);
    });
  };
}

function hooksOf<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  return hooks === undefined ? [] : ([hooks].flat() as Hook[]);
}

function refusalOf({ headers, allowed, retryAfter }: RateVerdict, reply: FastifyReply): Problem | null {
  reply.headers(headers);
  return allowed ? null : new Problem('rate_limited', { retryAfter });
}

// Runs before the body is read: a request without a token is refused at once.
function takeBearer(request: FastifyRequest): Problem | undefined {
  const { authorization } = request.headers;
  if (!speaksBearer(authorization)) return new Problem('not_authenticated');
  request.bearer = bearerIn(authorization);
  return request.bearer === null ? new Problem('invalid_token') : undefined;
}
