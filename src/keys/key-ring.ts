import { system } from '../audit/record.ts';
import { isSymmetric } from '../platform/config.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import type { PublicJwk } from './algorithms.ts';
import {
  type AccessClaims,
  type Expected,
  hasExpired,
  isEarly,
  readClaims,
  type TokenClaims,
} from './claims.ts';
import { splitCompact } from './compact-jws.ts';
import { listLiveKeys } from './queries.ts';
import { buildState, keyOfHeader, publicKeys, type RingState, signingKeyAt } from './ring-state.ts';
import { ensureSigningKey, KEYS_CHANGED, PUBLISH_LEAD, rotateKeys, waitsTooLong } from './rotate.ts';
import { openVerified, type Verified } from './verified.ts';

export type KeysDeps = Deps & { readonly keys: KeyRing };

/** Signs and verifies access tokens with the current keys, whose changes it follows in the database. */
export interface KeyRing {
  /** A signed access token with these claims, `iss` and `aud`, of type `at+jwt` (RFC 9068 §2.1). */
  sign(claims: TokenClaims): string;
  /** The claims of an access token of ours. Refuses with `invalid_token` or `token_expired`. */
  verify(token: string): AccessClaims;
  /** The same, but looks for new keys first if the token names one that is not known here yet. */
  verifyFresh(token: string): AccessClaims | Promise<AccessClaims>;
  /** The public keys (RFC 7517 §5); none under HS256, HS384 and HS512. */
  jwks(): { readonly keys: readonly PublicJwk[] };
  /** Reads the keys again now. */
  reload(): Promise<void>;
  /** Stops following the database. */
  close(): void;
}

export interface Timing {
  /** Between two looks at the database, in seconds. */
  readonly poll: number;
  /** Between two looks that unknown keys cause, in seconds: forged tokens must not become queries. */
  readonly cooldown: number;
  readonly publishLead: number;
}

const DEFAULT_TIMING: Timing = { poll: 30, cooldown: 5, publishLead: PUBLISH_LEAD };

/** Opens the ring, and makes the first key where there is none. Throws when a stored private key cannot be opened. */
export async function openKeyRing(deps: Deps, timing: Partial<Timing> = {}): Promise<KeyRing> {
  const { db, clock, config, log, cache } = deps;
  const { poll, cooldown, publishLead } = { ...DEFAULT_TIMING, ...timing };
  if (isSymmetric(config.tokens.algorithm) && config.tokens.jwtSecret === null) {
    throw new Error(`ALGORITHM=${config.tokens.algorithm} needs JWT_SECRET_KEY.`);
  }
  let state = buildState(deps, await ensureSigningKey(deps));
  let lookedAt = clock.now().getTime();
  let looking: Promise<void> | null = null;
  let following: Promise<void> | null = null;

  const expected = { issuer: config.http.publicUrl, audience: config.tokens.audience };
  let verifiedTokens = openVerified();
  const check = (token: string) => {
    const known = verifiedTokens.get(token);
    if (known !== undefined) return checkTimes(known, clock.now());
    const found = verifySignature(state, token, expected);
    if (typeof found === 'string') return found;
    const claims = checkTimes(found, clock.now());
    if (typeof claims !== 'string') verifiedTokens.keep(token, found);
    return claims;
  };
  const look = () =>
    (looking ??= listLiveKeys(db, clock.now())
      .then(rows => {
        state = buildState(deps, rows, state);
        // A key that is gone verifies nothing more, even what it has verified before.
        verifiedTokens = openVerified();
        lookedAt = clock.now().getTime();
      })
      .finally(() => {
        looking = null;
      }));
  // A look under way may have read before the change that the caller knows of: all who ask meanwhile share the next look.
  const reload = () => {
    if (looking === null) return look();
    return (following ??= looking
      .catch(() => {})
      .then(() => {
        following = null;
        return look();
      }));
  };

  const follow = async () => {
    await reload();
    if (!state.keys.some(({ sign }) => sign !== null)) {
      // Somebody emptied the table under a running service.
      await ensureSigningKey(deps);
      await reload();
    }
    if (!isDueForRotation(state, clock.now(), config.tokens.keyRotationAge)) return;
    await rotateKeys(deps, { actor: system, caller: null, reason: 'age' }, publishLead);
    await reload();
  };
  const warn = (err: unknown) =>
    log.warn({ err }, 'the signing keys could not be read; the known ones stay in use');
  const timer = setInterval(() => {
    follow().catch(warn);
  }, poll * 1000).unref();
  const leave = cache.subscribe(KEYS_CHANGED, () => {
    reload().catch(warn);
  });

  return {
    sign: claims =>
      signingKeyAt(state, clock.now()).sign({
        iss: config.http.publicUrl,
        aud: config.tokens.audience,
        ...claims,
      }),
    verify: token => verified(check(token)),
    verifyFresh(token) {
      const claims = check(token);
      if (claims !== 'unknown key') return verified(claims);
      const rested = clock.now().getTime() - lookedAt >= cooldown * 1000;
      if (!rested && looking === null) return verified(claims);
      return look().then(() => verified(check(token)));
    },
    jwks: () => ({ keys: publicKeys(state) }),
    reload,
    close() {
      clearInterval(timer);
      leave();
    },
  };
}

type Verdict = AccessClaims | 'invalid' | 'unknown key';

function verifySignature(
  state: RingState,
  token: string,
  expected: Expected,
): Verified | 'invalid' | 'unknown key' {
  const jws = splitCompact(token);
  if (jws === null) return 'invalid';
  const key = keyOfHeader(state, jws.header);
  if (key === null) return 'unknown key';
  for (const check of key.checks) {
    const payload = check(jws);
    if (payload === null) continue;
    const claims = readClaims(payload, expected);
    return claims === null ? 'invalid' : { key, claims };
  }
  return 'invalid';
}

// Checked on every request: time goes on, and the clock may even go back.
function checkTimes({ key, claims }: Verified, now: Date): Verdict {
  const { verifiesUntil } = key.row;
  if (verifiesUntil !== null && verifiesUntil <= now) return 'invalid';
  if (isEarly(claims, now)) return 'invalid';
  if (hasExpired(claims, now)) throw new Problem('token_expired');
  return claims;
}

function verified(verdict: Verdict): AccessClaims {
  if (typeof verdict === 'string') throw new Problem('invalid_token');
  return verdict;
}

function isDueForRotation(state: RingState, now: Date, ageLimit: number): boolean {
  if (ageLimit === 0) return false;
  const newest = state.keys.findLast(({ row }) => row.signsUntil === null);
  if (newest === undefined || isSymmetric(newest.row.algorithm)) return false;
  if (waitsTooLong(newest.row, now)) return true;
  return now.getTime() - newest.row.signsFrom.getTime() >= ageLimit * 1000;
}
