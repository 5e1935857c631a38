import type { ProblemCode } from '../problems.ts';
import type { RateGroup } from '../rate-groups.ts';
import type { OwnHeader } from './response-headers.ts';

/**
 * Who may call a route. `user`: a person's access token; `any`: a person's or a service client's; a permission: whoever holds
 * it now. `token`: a person's well-formed token; the route's own statement checks everything else.
 */
export type Access = 'public' | 'user' | 'any' | 'token' | { readonly permission: string };

/** What every route declares; the guards are built from it and the OpenAPI document shows it. */
export interface RouteConfig {
  /** Required: a route that does not say who may call it stops the start. */
  readonly access: Access;
  /** The route's own refusals, beside those that its access and schema imply. */
  readonly problems?: readonly ProblemCode[];
  /** The route's own headers on answers that are not refusals; the document describes them. */
  readonly headers?: readonly OwnHeader[];
  /** Needs an `auth_time` within REAUTH_MINUTES. */
  readonly recent?: boolean;
  readonly limit?: RateGroup;
  /** An endpoint that OAuth clients call: errors carry `error` and `error_description` (RFC 6749 §5.2). */
  readonly oauth?: boolean;
  /** False: never answers `database_unavailable`, as it needs no database or reports a failing one in its own words. */
  readonly database?: false;
  /** Left out of the OpenAPI document: pages for people. */
  readonly hidden?: boolean;
  /** Browsers are sent here, so its refusals are pages for whoever asks for HTML. */
  readonly visited?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig extends Partial<RouteConfig> {}
}
