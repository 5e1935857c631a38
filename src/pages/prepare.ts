import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { basePathOf } from '../platform/http/base-path.ts';
import { readFormBodies } from '../platform/http/bodies.ts';
import { keepForTheBody, toProblem } from '../platform/http/errors.ts';
import { answerFailure, HTML } from './error-page.ts';
import type { PageRequest } from './exchange.ts';
import type { Failure } from './failure.ts';
import { requireOwnForm } from './form-token.ts';
import type { Html } from './html.ts';

/**
 * No script or style inline, nothing from another host, no frame around it. Providers are reached by links, so no form
 * needs to lead anywhere else.
 */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** What every page route of a module needs: form bodies, the check of where a form came from, headers, error pages. */
export async function preparePages(app: App, deps: Deps): Promise<void> {
  await readFormBodies(app);
  app.addHook('preHandler', async request => {
    if (request.method === 'POST') requireOwnForm(deps, request);
  });
  const base = basePathOf(deps.config.http.publicUrl);
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('content-security-policy', PAGE_POLICY);
    if (reply.statusCode === 401) reply.header('www-authenticate', 'Bearer');
    if (base === '') return payload;
    const { location } = reply.getHeaders();
    if (typeof location === 'string' && location.startsWith('/')) reply.header('location', base + location);
    return typeof payload === 'string' ? underPath(payload, base) : payload;
  });
  app.setErrorHandler((error, request, reply) => {
    keepForTheBody(toProblem(error), request, reply);
    return answerFailure(deps, error, request, reply);
  });
}

/**
 * Refuses with a page where a route of the API is `visited` by a browser: nobody who comes back from a provider reads JSON.
 */
export function refuseVisitors(app: App, deps: Deps): void {
  const base = basePathOf(deps.config.http.publicUrl);
  app.addHook('onSend', async (_request, reply, payload) =>
    typeof payload === 'string' && reply.getHeader('content-type') === HTML
      ? underPath(payload, base)
      : payload,
  );
  app.setErrorHandler((error, request, reply) => {
    const { visited } = request.routeOptions.config;
    const problem = toProblem(error);
    // What is wrong with a link is for whoever wrote the client, not for people.
    const forPeople = visited === true && problem?.code !== 'validation_failed';
    if (!forPeople || !isVisitor(request)) throw error;
    keepForTheBody(problem, request, reply);
    return answerFailure(deps, error, request, reply.header('content-security-policy', PAGE_POLICY));
  });
}

/** Whether HTML is asked for by name, as by browsers, and not only by a wildcard (RFC 9110 §12.5.1). */
export function isVisitor({ headers }: Pick<PageRequest, 'headers'>): boolean {
  return headers.accept?.includes('text/html') === true;
}

// Pages are written for the root. What a person wrote holds no bare quotation mark, so this never matches inside it.
function underPath(markup: string, base: string): string {
  return markup.replaceAll(/ (href|src|action|data-options-from)="\/(?!\/)/g, ` $1="${base}/`);
}

/** The config of a page's route: open to people without a bearer, and left out of the OpenAPI document. */
export const page = { access: 'public', hidden: true } as const;

export interface HtmlReply {
  readonly request: Pick<PageRequest, 'problem'>;
  code(status: number): HtmlReply;
  header(name: string, value: string): unknown;
  type(type: string): HtmlReply;
  send(body: string): HtmlReply;
}

/** Answers with a page, with this status or with that of a refusal, which may say when to try again. */
export function show(
  reply: HtmlReply,
  { markup }: Html,
  answer: number | Pick<Failure, 'status' | 'problem' | 'retryAfter'> = 200,
): HtmlReply {
  const { status, problem, retryAfter } = typeof answer === 'number' ? { status: answer } : answer;
  if (problem !== undefined) reply.request.problem = problem;
  if (retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(retryAfter)));
  return reply.code(status).type(HTML).send(markup);
}
