export type FindingKind =
  | 'event_changed'
  | 'event_removed'
  | 'event_inserted'
  | 'batch_changed'
  | 'batch_removed'
  | 'pruning_changed'
  | 'checkpoint_invalid'
  | 'key_replaced'
  | 'key_lost'
  | 'trail_cut_off'
  | 'trail_rewritten';

/** One thing that is not as it was sealed, and where. */
export interface Finding {
  readonly kind: FindingKind;
  readonly batch?: number;
  readonly eventId?: string;
  readonly eventTime?: string;
  /** Whose personal fields it concerns. */
  readonly userId?: string;
  readonly explanation: string;
}

const LAST_MS = 8.64e15;

/** Microseconds since 1970 as RFC 3339, to the millisecond; for a time that Date cannot hold, the nearest that it can. */
export function timeOf(us: string | bigint): string {
  return new Date(Math.max(-LAST_MS, Math.min(LAST_MS, Number(BigInt(us) / 1000n)))).toISOString();
}
