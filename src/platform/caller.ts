/** Where a request came from, as every audit event and log line of it says. */
export interface Caller {
  readonly requestId: string;
  /** The client's address: the peer, or what believed proxies say. */
  readonly ip: string;
  /** At most 300 characters; empty when none was sent. */
  readonly userAgent: string;
  /** For what may wait: aborts when the connection ends on which the answer would go out. Absent where there is none. */
  readonly hungUp?: AbortSignal;
}
