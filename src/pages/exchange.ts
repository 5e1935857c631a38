import type { IncomingHttpHeaders } from 'node:http';
import type { Caller } from '../platform/caller.ts';

/** What the pages read of a request. */
export interface PageRequest {
  readonly id: string;
  readonly ip: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly query: unknown;
}

/** What the pages write of an answer. */
export interface PageReply {
  header(name: string, value: string): unknown;
}

/** Where a request came from. */
export function callerIn(request: PageRequest): Caller {
  return {
    requestId: request.id,
    ip: request.ip,
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 300),
  };
}
