/** How often a key was counted in its present window. */
export interface Hit {
  /** Including this use. */
  readonly count: number;
  /** Milliseconds until the window ends and counting begins anew. */
  readonly resetMs: number;
}

export type RevocationKind = 'jti' | 'sid' | 'user';

/** A revocation that still matters: its tokens would be accepted otherwise. */
export interface Revocation {
  readonly kind: RevocationKind;
  readonly id: string;
  readonly revokedAt: Date;
  /** When the last token that it kills would have expired. */
  readonly expiresAt: Date;
}

/**
 * What replicas share where Redis is set, and what one process keeps to itself where it is not. Nothing here throws, or waits for
 * a server longer than one command timeout, and losing all of it logs nobody out and lets nobody in.
 */
export interface Cache {
  /**
   * Stores a copy of a revocation, for `seconds`, where gateways and sibling services read it (docs/redis.md).
   * PostgreSQL holds the truth: what could not be written is written again when the server is back.
   */
  publishRevocation(kind: RevocationKind, id: string, seconds: number): Promise<void>;
  /** Sets where all live revocations are read from after a flush, an outage or a failover. */
  refillFrom(source: () => Promise<readonly Revocation[]>): void;
  /**
   * Says that a revocation may not have been published: the answer of a statement was lost, yet it may be committed, now or as
   * late as the server lets a statement run. All revocations are then written again from the source.
   */
  doubtRevocations(): void;
  /** Counts a use of the key in a fixed window. While Redis does not answer, counts in memory and returns at once. */
  hit(key: string, seconds: number): Hit | Promise<Hit>;
  /** Tells every process that subscribed, including this one. At most once: a process that misses it must find out by itself. */
  broadcast(channel: string, message: string): Promise<void>;
  /** Listens to a channel until the returned function is called. */
  subscribe(channel: string, listener: (message: string) => void): () => void;
  /** `memory` where Redis is not set; `down` while Redis is skipped. */
  status(): 'memory' | 'up' | 'down';
  close(): Promise<void>;
}
