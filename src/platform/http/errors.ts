import type { ErrorObject } from 'ajv';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isInTheWay, isRemovedMeanwhile } from '../database-errors.ts';
import type { Log } from '../log.ts';
import { type Issue, Problem, type ProblemCode } from '../problems.ts';
import { speaksBearer } from './bearer.ts';
import { HungUp } from './hang-up.ts';
import type { RouteSchema } from './openapi.ts';
import { readToTheEnd } from './read-to-the-end.ts';
import { toIssues } from './validation.ts';

// What Fastify and Node refuse by themselves, in our words.
const FROM_FASTIFY: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_request',
  FST_ERR_BAD_URL: 'malformed_request',
  FST_ERR_ASYNC_CONSTRAINT: 'not_found',
};

const REMOVED_MEANWHILE = 'Something was removed meanwhile. Try again in a moment.';
const IN_THE_WAY = 'Somebody else is changing the same. Try again in a moment.';

/**
 * Turns whatever was thrown into the Problem that the caller is told; null when it is a defect of ours. `consumes` are the
 * media types that the route takes, where it names them.
 */
export function toProblem(error: unknown, consumes?: readonly string[]): Problem | null {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return null;
  const { validation, validationContext, code, statusCode } = error as FastifyError;
  if (validation !== undefined) {
    const issues = toIssues(validation as unknown as ErrorObject[], validationContext ?? 'body');
    return new Problem('validation_failed', {
      issues: missingBody(validation, validationContext) ?? issues,
      cause: error,
    });
  }
  // A removal gets here only if it happened twice in one request (guard.ts); the next request is told what is not there.
  if (isInTheWay(error)) {
    const message = isRemovedMeanwhile(error) ? REMOVED_MEANWHILE : IN_THE_WAY;
    return new Problem('database_unavailable', { message, cause: error });
  }
  const known = FROM_FASTIFY[code];
  if (known === 'unsupported_media_type' && consumes !== undefined)
    return new Problem(known, { message: `Send the body as ${consumes.join(' or ')}.`, cause: error });
  if (known !== undefined) return new Problem(known, { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new Problem('malformed_request', { cause: error });
  }
  return null;
}

function missingBody(validation: unknown, context: string | undefined): Issue[] | null {
  const none = (validation as { keyword: string; instancePath: string; params: { type?: string } }[]).some(
    ({ keyword, instancePath, params }) =>
      keyword === 'type' && instancePath === '' && params.type === 'object',
  );
  return context === 'body' && none
    ? [{ type: 'missing', loc: ['body'], msg: 'A JSON object is required' }]
    : null;
}

/**
 * The one place where an error becomes an answer, `{ detail, code, message, request_id }`, with `error` and
 * `error_description` if `oauth` is true, and a log line. A caller who hung up causes neither.
 */
export function answerProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
  oauth = request.routeOptions.config?.oauth === true,
): FastifyReply {
  if (error instanceof HungUp) return reply.hijack();
  const told = toProblem(error, (request.routeOptions.schema as RouteSchema | undefined)?.consumes);
  const problem = noteProblem(error, told, request, log);
  if (problem.status === 401 || problem.code === 'permission_denied')
    reply.header('www-authenticate', challengeOf(problem, request));
  if (problem.retryAfter !== undefined)
    reply.header('retry-after', Math.max(1, Math.ceil(problem.retryAfter)));
  keepForTheBody(problem, request, reply);
  return reply
    .code(problem.status)
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(JSON.stringify(bodyOf(problem, request.id, oauth)));
}

/** Says what a refused request is told: on the request for its line in the log, and in a line of its own if the fault is ours. */
export function noteProblem(
  error: unknown,
  told: Problem | null,
  request: Pick<FastifyRequest, 'id' | 'method' | 'problem'> & {
    readonly routeOptions: { readonly url?: string };
  },
  log: Log,
): Problem {
  const problem = told ?? new Problem('internal_error');
  request.problem = problem.code;
  const line = {
    request_id: request.id,
    problem: problem.code,
    method: request.method,
    route: request.routeOptions.url,
  };
  if (told === null) log.error({ ...line, err: error }, 'defect');
  else if (problem.status >= 500) log.warn({ ...line, err: problem.cause }, problem.message);
  return problem;
}

/**
 * Keeps the connection of a refusal until the body has arrived. Fastify would close it while data is still on its way, which
 * resets it and loses the answer (RFC 9112 §9.6). On a connection that is kept, the rest is read and thrown away, as after any
 * other answer that did not wait for the body.
 */
export function keepForTheBody(problem: Problem | null, request: FastifyRequest, reply: FastifyReply): void {
  if (problem?.code === 'payload_too_large') reply.removeHeader('connection');
  if (!reply.hasHeader('connection')) readToTheEnd(request.raw, reply.raw);
}

function bodyOf(problem: Problem, requestId: string, oauth: boolean): Record<string, unknown> {
  return {
    detail: problem.detail,
    code: problem.code,
    message: problem.message,
    request_id: requestId,
    ...(oauth && {
      error: problem.oauth ?? (problem.status >= 500 ? 'temporarily_unavailable' : 'invalid_request'),
      error_description: problem.message,
    }),
    ...problem.members,
  };
}

// RFC 6750 §3: the error attribute is there only when a token was sent; RFC 9470 §3 where it is too old; RFC 6749 §5.2 for
// clients.
function challengeOf(problem: Problem, request: FastifyRequest): string {
  if (problem.code === 'invalid_client') return 'Basic realm="entrecore", charset="UTF-8"';
  if (problem.code === 'reauthentication_required') {
    return `Bearer error="insufficient_user_authentication", error_description="${problem.message}"`;
  }
  if (problem.code === 'permission_denied')
    return `Bearer error="insufficient_scope", error_description="${problem.message}"`;
  return speaksBearer(request.headers.authorization)
    ? `Bearer error="invalid_token", error_description="${problem.message}"`
    : 'Bearer';
}
