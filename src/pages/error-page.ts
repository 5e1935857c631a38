import type { Deps } from '../platform/deps.ts';
import { noteProblem, toProblem } from '../platform/http/errors.ts';
import { HungUp } from '../platform/http/hang-up.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { failureOf, SIGNED_OUT, sayProblem } from './failure.ts';
import { html } from './html.ts';
import { cardPage } from './layout.ts';
import { confirmPath, signInPath } from './paths.ts';
import { viewOf } from './view.ts';

export const HTML = 'text/html; charset=utf-8';

interface FailingReply extends PageReply {
  code(status: number): FailingReply;
  type(type: string): FailingReply;
  send(body: string): FailingReply;
  redirect(url: string, code: number): FailingReply;
  hijack(): FailingReply;
}

/**
 * Answers what was thrown with a page for people: whoever is signed out is led to signing in, whoever needs a fresh
 * proof to giving one, and everything else to a few words and the request's id. A caller who hung up gets no answer.
 */
export function answerFailure(
  deps: Deps,
  error: unknown,
  request: PageRequest,
  reply: FailingReply,
): FailingReply {
  if (error instanceof HungUp) return reply.hijack();
  const told = toProblem(error);
  if (told !== null && SIGNED_OUT.has(told.code)) return reply.redirect(signInPath(request), 303);
  if (told?.code === 'reauthentication_required') return reply.redirect(confirmPath(request), 303);
  const problem = noteProblem(error, told, request, deps.log);
  const view = viewOf(deps, request, reply);
  const { words } = view;
  if (problem.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(problem.retryAfter)));
  const absent = problem.status === 404;
  const busy = problem.status === 429;
  // This page has no fields that could be marked.
  const said = problem.issues === undefined ? sayProblem(words, problem) : failureOf(words, problem).summary;
  const body = cardPage(view, {
    title: absent ? words.error.missing : busy ? words.error.busy : words.error.title,
    body: html`<p>${said}</p>
${!absent && !busy && html`<p class="hint">${words.error.reference} <code>${request.id}</code></p>`}
<p><a class="button quiet" href="/account">${words.error.home}</a></p>`,
  });
  return reply.code(problem.status).type(HTML).send(body.markup);
}
