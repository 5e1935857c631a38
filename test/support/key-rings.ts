import { afterEach } from 'vitest';
import type { TokenClaims } from '../../src/keys/claims.ts';
import { type KeyRing, openKeyRing } from '../../src/keys/key-ring.ts';
import { numericDate } from '../../src/platform/clock.ts';
import type { Algorithm } from '../../src/platform/config.ts';
import { openMemoryCache } from '../../src/platform/memory-cache.ts';
import type { Problem } from '../../src/platform/problems.ts';
import { type TestDeps, testDeps } from './deps.ts';

export const SECRET = 'sixty-four bytes or more of a shared secret, enough for HS512 too!';

/** What makes a world, and the key rings of its replicas, for the tests of a file; all is closed after each. */
export function useKeyRings() {
  const open: { deps: TestDeps; rings: KeyRing[] }[] = [];
  afterEach(async () => {
    for (const { deps, rings } of open.splice(0)) {
      for (const ring of rings) ring.close();
      await deps.close();
    }
  });
  return async (algorithm: Algorithm) => {
    const deps = await testDeps({ tokens: { algorithm, jwtSecret: SECRET } });
    const opened = { deps, rings: [] as KeyRing[] };
    open.push(opened);
    const ring = async (overrides: Partial<TestDeps> = {}) => {
      // Without Redis a replica hears nothing of the others.
      const cache = openMemoryCache(deps);
      const made = await openKeyRing({ ...deps, cache, ...overrides }, { poll: 3600 });
      opened.rings.push(made);
      return made;
    };
    return { deps, ring };
  };
}

export function claimsAt({ clock, config, random }: TestDeps): TokenClaims {
  const iat = numericDate(clock.now());
  return {
    sub: random.uuid(),
    jti: random.uuid(),
    sid: random.uuid(),
    roles: ['user'],
    permissions: [],
    amr: ['pwd'],
    auth_time: iat,
    iat,
    nbf: iat,
    exp: iat + config.tokens.accessLifetime,
  };
}

export const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, string>;
export const refusalOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as Problem).code;
  }
  return null;
};
export const command = { actor: { kind: 'operator' }, caller: null, reason: 'command' } as const;
