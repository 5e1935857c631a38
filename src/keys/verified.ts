import type { AccessClaims } from './claims.ts';
import type { RingKey } from './ring-state.ts';

/** What was verified about a token; it holds as long as its key is held. */
export interface Verified {
  readonly key: RingKey;
  readonly claims: AccessClaims;
}

/** About 3 MiB when full. */
const MOST = 2_000;

/**
 * Remembers tokens whose signature was verified, by their whole text: a client presents one for half an hour, and verifying
 * it again cost a sixth of the bearer check. Whether it is revoked, early or expired is checked elsewhere.
 */
export function openVerified(most = MOST) {
  const tokens = new Map<string, Verified>();
  return {
    get: (token: string): Verified | undefined => tokens.get(token),
    /** Keeps a token; if there is no room, the one that was kept first goes. */
    keep(token: string, found: Verified): void {
      if (tokens.has(token)) return;
      if (tokens.size >= most) tokens.delete(tokens.keys().next().value as string);
      tokens.set(token, found);
    },
  };
}
