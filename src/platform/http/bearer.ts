const BEARER = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/** The token of an Authorization header (RFC 6750 §2.1), or null. */
export function bearerIn(authorization: string): string | null {
  return BEARER.exec(authorization)?.[1] ?? null;
}

/**
 * Whether the header means to send a token, well-formed or not. Another scheme sends none, so its sender is told of no token
 * error (RFC 6750 §3.1).
 */
export function speaksBearer(authorization: string | undefined): authorization is string {
  return authorization !== undefined && /^Bearer(?: |$)/i.test(authorization);
}
