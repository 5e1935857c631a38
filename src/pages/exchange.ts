import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { ProblemCode } from '../platform/problems.ts';
import type { RateGroup } from '../platform/rate-groups.ts';

/** What the pages read of a request. */
export interface PageRequest {
  readonly id: string;
  readonly clientAddress: string;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  readonly body: unknown;
  readonly query: unknown;
  /** Set where the request is refused: its line in the log tells why. */
  problem: ProblemCode | null;
  readonly routeOptions: { readonly url?: string; readonly config: { readonly limit?: RateGroup } };
}

/** What the pages write of an answer. */
export interface PageReply {
  header(name: string, value: string): unknown;
}
