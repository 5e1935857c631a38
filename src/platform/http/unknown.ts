import type { FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { Problem } from '../problems.ts';
import { answerProblem } from './errors.ts';

/**
 * Answers what no route serves: 405 with `Allow` where the path has other methods (RFC 9110 §15.5.6), else 404. Knows the
 * routes that are declared after it.
 */
export function answerUnknown(app: FastifyInstance, log: Log): void {
  const methodsOf = new Map<string, Set<string>>();
  const ofOAuth = new Set<string>();
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.oauth === true) ofOAuth.add(url);
    for (const each of [method].flat()) {
      // The preflight of every path is the CORS plugin's.
      if (each === 'OPTIONS') continue;
      methodsOf.set(url, (methodsOf.get(url) ?? new Set()).add(each));
    }
  });

  let patterns: [RegExp, Set<string>, boolean][] | undefined;
  app.setNotFoundHandler((request, reply) => {
    patterns ??= [...methodsOf].map(([url, methods]) => [patternOf(url), methods, ofOAuth.has(url)]);
    const [path = ''] = request.url.split('?', 1);
    const allowed = new Set<string>();
    let oauth = false;
    for (const [pattern, methods, isOAuth] of patterns) {
      if (!pattern.test(path)) continue;
      for (const method of methods) allowed.add(method);
      oauth ||= isOAuth;
    }
    if (allowed.size === 0) return answerProblem(new Problem('not_found'), request, reply, log);
    void reply.header('allow', [...allowed].sort().join(', '));
    return answerProblem(new Problem('method_not_allowed'), request, reply, log, oauth);
  });
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map(part => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}/?$`);
}
