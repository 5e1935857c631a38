import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../log.ts';
import { Problem } from '../problems.ts';
import { answerProblem } from './errors.ts';

/**
 * Answers what no route serves: 405 with `Allow` where the path has other methods (RFC 9110 §15.5.6), else 404; gives OPTIONS
 * its `Allow`. Knows the routes that are declared after it.
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
  const lookUp = (request: FastifyRequest) => {
    patterns ??= [...methodsOf].map(([url, methods]) => [patternOf(url), methods, ofOAuth.has(url)]);
    const [path = ''] = request.url.split('?', 1);
    const found = patterns.filter(([pattern]) => pattern.test(path));
    const methods = new Set(found.flatMap(([, each]) => [...each]));
    return { allow: [...methods].sort().join(', '), oauth: found.some(([, , oauth]) => oauth) };
  };
  // The CORS plugin answers OPTIONS of every path, and knows of none what may be asked of it (RFC 9110 §9.3.7).
  app.addHook('onRequest', (request, reply, done) => {
    const allow = request.method === 'OPTIONS' ? lookUp(request).allow : '';
    if (allow !== '') void reply.header('allow', allow);
    done();
  });
  app.setNotFoundHandler((request, reply) => {
    const { allow, oauth } = lookUp(request);
    if (allow === '') return answerProblem(new Problem('not_found'), request, reply, log);
    void reply.header('allow', allow);
    return answerProblem(new Problem('method_not_allowed'), request, reply, log, oauth);
  });
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map(part => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}/?$`);
}
