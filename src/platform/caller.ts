/** Where a request came from, as each of its audit events and log lines says. */
export interface Caller {
  readonly requestId: string;
  /** The client's address: the peer's, or the one that trusted proxies report. */
  readonly ip: string;
  /** At most 300 characters; empty when none was sent. */
  readonly userAgent: string;
  /** Aborts when the connection for the answer ends, so that work may stop waiting. Absent where there is no connection. */
  readonly hungUp?: AbortSignal;
}
