import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Log } from '../log.ts';
import { Problem } from '../problems.ts';
import { answerProblem } from './errors.ts';

/**
 * Answers requests that no route serves: 405 with `Allow` if the path has other methods (RFC 9110 §15.5.6), else 404; adds
 * `Allow` to the answers to OPTIONS. Knows the routes that are declared after it. Returns the hook that refuses a method
 * which the exact path lacks although another route has it: the router would take /users/me for a /users/{id}.
 */
export function answerUnknown(app: FastifyInstance, log: Log): onRequestHookHandler {
  const methodsOf = new Map<string, Set<string>>();
  const ofOAuth = new Set<string>();
  // Wildcards such as `/account/*`: each serves its method also under a path whose own route has only other methods.
  const catching: { readonly prefix: string; readonly method: string }[] = [];
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.oauth === true) ofOAuth.add(url);
    for (const each of [method].flat()) {
      // The CORS plugin answers the preflight of every path.
      if (each === 'OPTIONS') continue;
      methodsOf.set(url, (methodsOf.get(url) ?? new Set()).add(each));
      if (url.endsWith('/*')) catching.push({ prefix: url.slice(0, -1), method: each });
    }
  });

  let patterns: [RegExp, Set<string>, boolean][] | undefined;
  const lookUp = (path: string) => {
    patterns ??= [...methodsOf].map(([url, methods]) => [patternOf(url), methods, ofOAuth.has(url)]);
    const found = patterns.filter(([pattern]) => pattern.test(path));
    const methods = methodsOf.get(path) ?? new Set(found.flatMap(([, each]) => [...each]));
    return { allow: [...methods].sort().join(', '), oauth: found.some(([, , oauth]) => oauth) };
  };
  const refuse = (request: FastifyRequest, reply: FastifyReply) => {
    const { allow, oauth } = lookUp(pathOf(request));
    if (allow === '') return answerProblem(new Problem('not_found'), request, reply, log);
    void reply.header('allow', allow);
    return answerProblem(new Problem('method_not_allowed'), request, reply, log, oauth);
  };
  // The CORS plugin answers OPTIONS on every path, but does not know which methods the path has (RFC 9110 §9.3.7).
  app.addHook('onRequest', (request, reply, done) => {
    const allow = request.method === 'OPTIONS' ? lookUp(pathOf(request)).allow : '';
    if (allow !== '') void reply.header('allow', allow);
    done();
  });
  app.setNotFoundHandler(refuse);
  return (request, reply, done) => {
    const path = pathOf(request);
    if (methodsOf.get(path)?.has(request.method) !== false) return done();
    if (catching.some(({ prefix, method }) => method === request.method && path.startsWith(prefix)))
      return done();
    void refuse(request, reply);
  };
}

// The path in the form in which routes are declared: without the query, and without the trailing slash that is forgiven.
function pathOf({ url }: FastifyRequest): string {
  const query = url.indexOf('?');
  const path = query === -1 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map(part => (part.startsWith(':') ? '[^/]+' : RegExp.escape(part)));
  return new RegExp(`^${parts.join('/')}$`);
}
