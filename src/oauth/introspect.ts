import type { AuthenticatedClient } from '../clients/authenticate.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { numericDate } from '../platform/clock.ts';
import { Problem } from '../platform/problems.ts';
import { authenticate, refusePermission } from '../sessions/authenticate.ts';
import { inspectRefreshToken } from '../sessions/revoke.ts';

/** The answer for a token that is not good, whatever the reason (RFC 7662 §2.2). */
const INACTIVE = { active: false } as const;

export type Introspection = { readonly active: boolean } & Readonly<Record<string, unknown>>;

/**
 * Whether a token would be accepted by this service now, and what it stands for (RFC 7662). An access token passes the
 * whole bearer check: signature, session, account and revocation. Its roles and permissions are those of this moment.
 * Refuses a client that lacks `tokens:introspect` with `permission_denied`.
 */
export async function introspect(
  deps: KeysDeps,
  caller: Caller,
  client: AuthenticatedClient,
  token: string,
): Promise<Introspection> {
  await requirePermission(deps, caller, client, 'tokens:introspect');
  return (
    (await introspectAccessToken(deps, caller, token)) ??
    (await introspectRefreshToken(deps, token)) ??
    INACTIVE
  );
}

/** Refuses a client that does not hold the permission with `permission_denied`, which names it. */
export async function requirePermission(
  deps: KeysDeps,
  caller: Caller,
  client: AuthenticatedClient,
  permission: string,
): Promise<void> {
  if (!client.permissions.has(permission))
    await refusePermission(deps, { kind: 'client', ...client, caller }, permission);
}

function introspectAccessToken(deps: KeysDeps, caller: Caller, token: string): Promise<Introspection | null> {
  return unlessRefused(async () => {
    const claims = await deps.keys.verifyFresh(token);
    const needs = { access: 'any', recent: false, permissions: true } as const;
    const principal = await authenticate(deps, token, caller, needs);
    if (principal.kind === 'token') return null;
    const permissions = [...principal.permissions];
    return {
      active: true,
      ...claims,
      token_type: 'Bearer',
      scope: permissions.join(' '),
      permissions,
      ...(principal.kind === 'user' && { username: principal.account.username, roles: principal.roles }),
    };
  });
}

/** What is read of a token; null where the token is refused, whatever the reason. */
export async function unlessRefused<T>(read: () => T | Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

async function introspectRefreshToken(deps: KeysDeps, token: string): Promise<Introspection | null> {
  const found = await inspectRefreshToken(deps, token);
  if (found === null) return null;
  return {
    active: true,
    token_type: 'refresh_token',
    iss: deps.config.http.publicUrl,
    sub: found.userId,
    sid: found.sessionId,
    iat: numericDate(found.issuedAt),
    exp: numericDate(found.expiresAt),
  };
}
