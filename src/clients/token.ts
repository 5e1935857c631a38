import type { Static } from 'typebox';
import { recordEvent } from '../audit/record.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { numericDate } from '../platform/clock.ts';
import { Type } from '../platform/json-schema.ts';
import { authenticateClient, type ClientCredentials } from './authenticate.ts';

/** What `grant_type=client_credentials` answers: a Token without a refresh token (RFC 6749 §4.4.3). */
export const clientTokenBody = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT of type at+jwt; `sub` is the client.' }),
    token_type: Type.Literal('bearer'),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
    expires_at: Type.String({ format: 'date-time' }),
  },
  { $id: 'ClientToken', title: 'ClientToken' },
);

export type ClientTokenBody = Static<typeof clientTokenBody>;

/** An access token for the client itself (RFC 6749 §4.4). Refuses with `invalid_client`. */
export async function issueClientToken(
  deps: KeysDeps,
  caller: Caller,
  credentials: ClientCredentials,
): Promise<ClientTokenBody> {
  const { clock, config, random, keys, db } = deps;
  const { clientId, permissions } = await authenticateClient(deps, caller, credentials);
  const iat = numericDate(clock.now());
  const exp = iat + config.tokens.accessLifetime;
  const jti = random.uuid();
  await recordEvent(deps, db, {
    type: 'token.issued',
    outcome: 'success',
    actor: { kind: 'client', id: clientId },
    caller,
    data: { jti },
  });
  return {
    access_token: keys.sign({
      sub: clientId,
      client_id: clientId,
      permissions: [...permissions],
      jti,
      iat,
      nbf: iat,
      exp,
    }),
    token_type: 'bearer',
    expires_in: exp - iat,
    expires_at: new Date(exp * 1000).toISOString(),
  };
}
