import type { Caller } from '../platform/caller.ts';

/**
 * Whoever changes who may do what: a Principal (sessions/principal.ts) as the slices above sessions see it, or the
 * operator. A user without a session decided earlier, as with an invitation.
 */
export type Granter = {
  readonly permissions: ReadonlySet<string>;
  /** Of the access token that was presented, where there was one. */
  readonly jti?: string;
} & (
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly sessionId: string | null;
      readonly caller: Caller;
    }
  | { readonly kind: 'client'; readonly clientId: string; readonly caller: Caller }
  | { readonly kind: 'operator'; readonly caller: null }
);

/** Who that is as the actor of an audit event. */
export function actorOf(granter: Granter): { kind: 'operator' } | { kind: 'user' | 'client'; id: string } {
  if (granter.kind === 'operator') return { kind: 'operator' };
  return granter.kind === 'user'
    ? { kind: 'user', id: granter.userId }
    : { kind: 'client', id: granter.clientId };
}
