import { isUuid } from '../platform/uuid.ts';

/** What a session says of its user in an access token (RFC 9068 §2.2; `amr` of RFC 8176). */
interface UserClaims {
  readonly sub: string;
  readonly jti: string;
  readonly sid: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly amr: readonly string[];
  /** NumericDate of the last proof of a factor. */
  readonly auth_time: number;
  readonly client_id?: undefined;
}

/** What a service client's access token says: no session and no user. */
interface ClientClaims {
  readonly sub: string;
  readonly jti: string;
  readonly client_id: string;
  readonly permissions: readonly string[];
  readonly sid?: undefined;
}

/** The issuer, the audience and the times of every token. */
export interface RegisteredClaims {
  readonly iss: string;
  readonly aud: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/** The claims of an access token that was verified. `client_id` tells a client's token from a user's. */
export type AccessClaims = (UserClaims | ClientClaims) & RegisteredClaims;

/** The claims that a caller gives to `sign`; the ring adds `iss` and `aud`. */
export type TokenClaims = (UserClaims | ClientClaims) & Pick<RegisteredClaims, 'iat' | 'nbf' | 'exp'>;

// Clocks of replicas differ by milliseconds, and NumericDates are rounded down.
const LEEWAY_SECONDS = 1;

/** Who must have issued a token, and for whom. */
export interface Expected {
  readonly issuer: string;
  readonly audience: string;
}

/**
 * Reads the payload of a token whose signature is right; null if `iss` or `aud` does not match, or a claim is missing or of
 * the wrong type. Ids must be UUIDs: they go to the database next. The times are left to `isEarly` and `hasExpired`.
 */
export function readClaims(
  payload: Readonly<Record<string, unknown>>,
  { issuer, audience }: Expected,
): AccessClaims | null {
  const { iss, aud } = payload;
  if (iss !== issuer || !(aud === audience || (isTextList(aud) && aud.includes(audience)))) return null;
  const { sub, jti, sid, client_id, iat, nbf, exp } = payload;
  if (!isUuid(sub) || !isUuid(jti)) return null;
  if (!isTime(iat) || !isTime(nbf) || !isTime(exp)) return null;
  if (!isTextList(payload.permissions)) return null;
  const whole = client_id === undefined ? isUserPayload(payload) : client_id === sub && sid === undefined;
  return whole ? (payload as unknown as AccessClaims) : null;
}

/** Whether `nbf` or `iat` lies in the future by more than a second. */
export function isEarly({ nbf, iat }: RegisteredClaims, now: Date): boolean {
  const latest = now.getTime() / 1000 + LEEWAY_SECONDS;
  return nbf > latest || iat > latest;
}

/** Whether the token has expired; there is no leeway (RFC 7519 §4.1.4). The Problem is `token_expired`. */
export function hasExpired({ exp }: RegisteredClaims, now: Date): boolean {
  return now.getTime() >= exp * 1000;
}

function isUserPayload({ sid, roles, amr, auth_time }: Readonly<Record<string, unknown>>): boolean {
  return isUuid(sid) && isTextList(roles) && isTextList(amr) && isTime(auth_time);
}

const isTime = (value: unknown): value is number => typeof value === 'number' && value >= 0;
const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string');
