import type { Static } from 'typebox';
import type { KeysDeps } from '../keys/key-ring.ts';
import { numericDate, textOfSecond } from '../platform/clock.ts';
import { Type } from '../platform/json-schema.ts';
import { grantsOf, type Holder } from '../rbac/definitions.ts';

/** The answer to a login and to a refresh (RFC 6749 §5.1). */
export const tokenBody = Type.Object(
  {
    access_token: Type.String({
      description: 'A JWT of type at+jwt (RFC 9068 §2.1), without a `client_id`.',
    }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
    expires_at: Type.String({ format: 'date-time' }),
    refresh_token: Type.String({ description: 'Opaque; each use gives a new one.' }),
    password_weak: Type.Optional(
      Type.Boolean({
        description: 'True if the policy would refuse this password today: ask the person for a better one.',
      }),
    ),
    device_token: Type.Optional(
      Type.String({
        description: 'For clients without cookies: send it with the next login from this device.',
      }),
    ),
  },
  { $id: 'Token', title: 'Token' },
);

export type TokenBody = Static<typeof tokenBody>;

/** What the tokens of a session say. */
export interface Grant extends Holder {
  readonly sessionId: string;
  readonly authTime: Date;
  /** The absolute end of the session: no access token outlives it. */
  readonly sessionExpiresAt: Date;
}

/** Signs an access token for a session (RFC 9068 §2.2), with what its user's roles permit, and returns it with the refresh token. */
export async function issueTokens(deps: KeysDeps, grant: Grant, refreshToken: string): Promise<TokenBody> {
  const { clock, config, db, random, keys } = deps;
  const { roles, permissions } = await grantsOf(db, grant);
  const now = clock.now();
  const iat = numericDate(now);
  const exp = Math.min(iat + config.tokens.accessLifetime, numericDate(grant.sessionExpiresAt));
  const accessToken = keys.sign({
    sub: grant.userId,
    iat,
    nbf: iat,
    exp,
    jti: random.uuid(),
    sid: grant.sessionId,
    roles,
    permissions,
    amr: grant.amr,
    auth_time: numericDate(grant.authTime),
  });
  return {
    access_token: accessToken,
    token_type: 'bearer',
    expires_in: exp - iat,
    expires_at: textOfSecond(exp),
    refresh_token: refreshToken,
  };
}
