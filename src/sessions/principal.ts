import type { Account } from '../accounts/account.ts';
import type { AccessClaims } from '../keys/claims.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';

/** A person, proven by an access token whose session, account and roles were read for this request. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly userId: string;
  readonly sessionId: string;
  readonly jti: string;
  /** The account as it is now. */
  readonly account: Account;
  readonly roles: readonly string[];
  /** What the roles permit now, whatever the token says. */
  readonly permissions: ReadonlySet<string>;
  /** When the person last proved who they are (OpenID Connect Core §2). */
  readonly authTime: Date;
  /** The known device that the session was started on. */
  readonly deviceId: string | null;
  readonly caller: Caller;
}

/** A service client, proven by an access token of its own. */
export interface ClientPrincipal {
  readonly kind: 'client';
  readonly clientId: string;
  readonly jti: string;
  readonly permissions: ReadonlySet<string>;
  readonly caller: Caller;
}

/** The holder of a person's access token. Only the token itself was checked: the route's own statement decides the rest. */
export interface TokenPrincipal {
  readonly kind: 'token';
  readonly claims: Extract<AccessClaims, { readonly sid: string }>;
  readonly caller: Caller;
}

/** Who calls. */
export type Principal = UserPrincipal | ClientPrincipal;

/** Who calls a guarded route. Refuses with `not_authenticated` on a request that no guard has seen. */
export function principalOf({ principal }: { principal: object | null }): Principal {
  if (principal === null) throw new Problem('not_authenticated');
  return principal as Principal;
}

/** The person who calls. Refuses a service client with `user_required`. */
export function userOf(request: { principal: object | null }): UserPrincipal {
  const principal = principalOf(request);
  if (principal.kind !== 'user') throw new Problem('user_required');
  return principal;
}

/** The bearer of a token on a route with access `token`. */
export function bearerOf({ principal }: { principal: object | null }): TokenPrincipal {
  if (principal === null || (principal as TokenPrincipal).kind !== 'token')
    throw new Problem('not_authenticated');
  return principal as TokenPrincipal;
}

/** The `sub` of whoever calls: a person's id or a client's. */
export function subjectOf(principal: Principal | TokenPrincipal): string {
  if (principal.kind === 'token') return principal.claims.sub;
  return principal.kind === 'user' ? principal.userId : principal.clientId;
}
