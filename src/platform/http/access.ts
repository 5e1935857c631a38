import type { ProblemCode } from '../problems.ts';
import type { RateGroup } from '../rate-groups.ts';
import type { OwnHeader } from './response-headers.ts';

/**
 * Who may call a route. `user`: a person's access token; `any`: a person's or a service client's; a permission: whoever
 * holds it now. `token`: a person's well-formed token, where the route's own statement reads the rest.
 */
export type Access = 'public' | 'user' | 'any' | 'token' | { readonly permission: string };

/** What every route declares; the guards are built from it and the OpenAPI document shows it. */
export interface RouteConfig {
  /** A route must say who may call it: one that does not stops the start. */
  readonly access: Access;
  /** The refusals of its own that it can answer, beside those that its access and schema imply. */
  readonly problems?: readonly ProblemCode[];
  /** The headers of its own that it sends with what is no refusal; the document says what they are. */
  readonly headers?: readonly OwnHeader[];
  /** Needs an `auth_time` within REAUTH_MINUTES. */
  readonly recent?: boolean;
  readonly limit?: RateGroup;
  /** An endpoint that OAuth clients call: errors carry `error` and `error_description` (RFC 6749 §5.2). */
  readonly oauth?: boolean;
  /** False: never answers `database_unavailable`, as it needs no database or says in its own words what is wrong with it. */
  readonly database?: false;
  /** Left out of the OpenAPI document: pages for people. */
  readonly hidden?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig extends Partial<RouteConfig> {}
}
