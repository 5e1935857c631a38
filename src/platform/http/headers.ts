import type { onRequestHookHandler } from 'fastify';
import type { Config } from '../config.ts';

/**
 * The headers of every answer: what helmet sets for an API, made once instead of on each request, and
 * `Cache-Control: no-store`, which the few cacheable answers replace.
 */
export function securityHeaders({ http }: Config): onRequestHookHandler {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'content-security-policy':
      "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-dns-prefetch-control': 'off',
    'x-frame-options': 'DENY',
    'x-permitted-cross-domain-policies': 'none',
    ...(http.publicUrl.startsWith('https:') && {
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
    }),
  };
  return (request, reply, done) => {
    reply.headers(headers);
    reply.header('x-request-id', request.id);
    done();
  };
}
