/** How many messages of one channel a process sends at once, and how many connections it keeps to a mail server. */
export const CONNECTIONS = 4;

/** One message, ready for its transport. */
export interface Outgoing {
  /** The row's id: the same at every attempt, so receivers can tell a repeat. */
  readonly id: string;
  readonly to: string;
  readonly createdAt: Date;
}

/**
 * `permanent`: the receiver will never take this message. `temporary`: it does not take this one now. `outage`: nothing can be
 * sent at all for now, so the next message need not be tried.
 */
export type FailureKind = 'permanent' | 'temporary' | 'outage';

/** Why a message was not sent. Its text is for the operator, and carries nothing of the message. */
export class DeliveryFailure extends Error {
  readonly kind: FailureKind;
  /** The `Retry-After` of the answer, as it came. */
  readonly retryAfter: string | null;

  constructor(
    kind: FailureKind,
    message: string,
    { retryAfter = null, ...options }: ErrorOptions & { readonly retryAfter?: string | null } = {},
  ) {
    super(message, options);
    this.name = 'DeliveryFailure';
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}
