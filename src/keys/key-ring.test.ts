import { afterEach, expect, test, vi } from 'vitest';
import { type TestDeps, testDeps } from '../../test/support/deps.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { numericDate } from '../platform/clock.ts';
import type { Algorithm } from '../platform/config.ts';
import { openMemoryCache } from '../platform/memory-cache.ts';
import type { Problem } from '../platform/problems.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import type { AccessClaims, TokenClaims } from './claims.ts';
import { type KeyRing, openKeyRing } from './key-ring.ts';
import { PUBLISH_LEAD, replaceKeys, rotateKeys } from './rotate.ts';
import { openVerified } from './verified.ts';

const open: { deps: TestDeps; rings: KeyRing[] }[] = [];
afterEach(async () => {
  for (const { deps, rings } of open.splice(0)) {
    for (const ring of rings) ring.close();
    await deps.close();
  }
});

const SECRET = 'sixty-four bytes or more of a shared secret, enough for HS512 too!';

async function world(algorithm: Algorithm) {
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
}

function claimsAt({ clock, config, random }: TestDeps): TokenClaims {
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

const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, string>;
const refusalOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return (error as Problem).code;
  }
  return null;
};
const command = { actor: { kind: 'operator' }, caller: null, reason: 'command' } as const;

test.each<Algorithm>(['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'])(
  '%s signs what every replica verifies, with typ at+jwt and the configured iss and aud',
  async algorithm => {
    const { deps, ring } = await world(algorithm);
    const keys = await ring();
    const claims = claimsAt(deps);
    const token = keys.sign(claims);
    const symmetric = algorithm.startsWith('HS');
    const [jwk] = keys.jwks().keys;
    expect(headerOf(token)).toEqual({ alg: algorithm, typ: 'at+jwt', ...(!symmetric && { kid: jwk?.kid }) });
    const expected = { iss: 'http://localhost:8000', aud: 'entrecore', ...claims };
    expect(keys.verify(token)).toEqual(expected);
    expect((await ring()).verify(token)).toEqual(expected);
    expect(keys.jwks().keys).toHaveLength(symmetric ? 0 : 1);
  },
);

test('a token that was verified once is judged anew by the clock, and by the keys that are left', async () => {
  const { deps, ring } = await world('ES256');
  const keys = await ring();
  const token = keys.sign(claimsAt(deps));
  const { sub } = keys.verify(token);
  expect(keys.verify(token).sub).toBe(sub);
  deps.clock.advance(-2);
  expect(refusalOf(() => keys.verify(token))).toBe('invalid_token');
  deps.clock.advance(2 + deps.config.tokens.accessLifetime);
  expect(refusalOf(() => keys.verify(token))).toBe('token_expired');
  deps.clock.advance(-deps.config.tokens.accessLifetime);
  expect(keys.verify(token).sub).toBe(sub);
  await deps.db.run(sql`delete from signing_keys`);
  await keys.reload();
  expect(refusalOf(() => keys.verify(token))).toBe('invalid_token');
});

test('only so many verified tokens are kept', () => {
  const tokens = openVerified<null>(2);
  for (const token of ['a', 'b', 'a', 'c']) tokens.keep(token, { key: null, claims: {} as AccessClaims });
  expect(['a', 'b', 'c'].filter(token => tokens.get(token) !== undefined)).toEqual(['b', 'c']);
});

test('the JWKS holds public members alone, and the private key lies sealed in the table', async () => {
  const { deps, ring } = await world('ES256');
  const [jwk] = (await ring()).jwks().keys;
  expect(Object.keys(jwk ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  const row = await deps.db.row<{ sealed: Buffer }>(
    sql`select private_key_sealed as sealed from signing_keys`,
  );
  expect(row?.sealed.includes(Buffer.from('2a8648ce3d0201', 'hex'))).toBe(false);
  expect(deps.secrets.open(`signing_keys:${jwk?.kid}`, row?.sealed as Buffer)).toBeInstanceOf(Buffer);
});

test('replicas that start at once on an empty database agree on one key', async () => {
  const { deps, ring } = await world('ES256');
  const rings = await Promise.all(Array.from({ length: 6 }, () => ring()));
  const kids = rings.map(keys => keys.jwks().keys.map(({ kid }) => kid));
  expect(new Set(kids.flat()).size).toBe(1);
  expect(await deps.db.rows(sql`select from signing_keys`)).toHaveLength(1);
});

test('a new key is published before it signs, and the old one verifies until its last token has expired', async () => {
  const { deps, ring } = await world('EdDSA');
  const keys = await ring();
  const oldKid = keys.jwks().keys[0]?.kid;
  const rotation = await rotateKeys(deps, command);
  const newKid = rotation?.key.kid;
  await keys.reload();
  expect(keys.jwks().keys.map(({ kid }) => kid)).toEqual([oldKid, newKid]);
  deps.clock.advance(PUBLISH_LEAD - 1);
  const last = keys.sign(claimsAt(deps));
  // As only a thief of the key would make it.
  const lasting = keys.sign({ ...claimsAt(deps), exp: numericDate(deps.clock.now()) + 86_400 });
  expect(headerOf(last).kid).toBe(oldKid);
  deps.clock.advance(1);
  const first = keys.sign(claimsAt(deps));
  expect(headerOf(first).kid).toBe(newKid);

  deps.clock.advance(deps.config.tokens.accessLifetime - 2);
  await keys.reload();
  expect(keys.verify(last).exp).toBeGreaterThan(numericDate(deps.clock.now()));
  deps.clock.advance(1);
  expect(refusalOf(() => keys.verify(last))).toBe('token_expired');
  deps.clock.advance(60);
  expect(refusalOf(() => keys.verify(lasting))).toBeNull();
  deps.clock.advance(1);
  expect(refusalOf(() => keys.verify(lasting))).toBe('invalid_token');
  deps.clock.advance(1);
  await keys.reload();
  expect(keys.jwks().keys.map(({ kid }) => kid)).toEqual([newKid]);
});

test('of several rotations at once one makes a key, and each is told which', async () => {
  const { deps, ring } = await world('ES256');
  await ring();
  const rotations = await Promise.all(Array.from({ length: 8 }, () => rotateKeys(deps, command)));
  expect(rotations.filter(rotation => rotation?.made)).toHaveLength(1);
  expect(new Set(rotations.map(rotation => rotation?.key.kid)).size).toBe(1);
  expect(await deps.db.rows(sql`select from signing_keys`)).toHaveLength(2);
  const events = await deps.db.rows(
    sql`select from audit_events where type = 'key.rotated' and reason = 'command'`,
  );
  expect(events).toHaveLength(1);
});

test('keys that verify nothing any more are removed at the next rotation, private part and all', async () => {
  const { deps, ring } = await world('ES256');
  await ring();
  await rotateKeys(deps, command);
  deps.clock.advance(90_000);
  await rotateKeys(deps, command);
  expect(await deps.db.rows(sql`select from signing_keys`)).toHaveLength(2);
});

test('a token of a key that another replica made a moment ago makes this one look, at most once in a while', async () => {
  const { deps, ring } = await world('ES256');
  const old = await ring();
  deps.clock.advance(10);
  const other = await ring({
    config: { ...deps.config, tokens: { ...deps.config.tokens, algorithm: 'RS256' } },
  });
  const token = other.sign(claimsAt(deps));
  expect(headerOf(token).alg).toBe('RS256');
  expect(refusalOf(() => old.verify(token))).toBe('invalid_token');
  expect((await old.verifyFresh(token)).sub).toBe(other.verify(token).sub);

  let reads = 0;
  const db = { ...deps.db, rows: <Row>(statement: never) => (reads++, deps.db.rows<Row>(statement)) };
  const guarded = await ring({ db });
  reads = 0;
  const forged = `${Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"x"}').toString('base64url')}.e30.AAAA`;
  deps.clock.advance(10);
  for (let count = 0; count < 100; count++) {
    await expect(async () => guarded.verifyFresh(forged)).rejects.toThrow('Could not validate credentials');
  }
  expect(reads).toBe(1);
});

test('where a broadcast arrives, every replica follows at once', async () => {
  const { deps, ring } = await world('ES256');
  const one = await ring({ cache: deps.cache });
  const other = await ring({ cache: deps.cache });
  const rotation = await replaceKeys(deps, { actor: { kind: 'system' }, caller: null });
  const kids = [{ kid: rotation?.key.kid }];
  await vi.waitFor(() => {
    expect(one.jwks().keys).toMatchObject(kids);
    expect(other.jwks().keys).toMatchObject(kids);
  });
});

test.each<[Algorithm, Algorithm]>([
  ['HS256', 'RS256'],
  ['RS256', 'HS256'],
  ['ES256', 'EdDSA'],
  ['HS256', 'HS512'],
])(
  'a change of ALGORITHM from %s to %s signs anew at once, and tokens of before stay good',
  async (from, to) => {
    const { deps, ring } = await world(from);
    const before = (await ring()).sign(claimsAt(deps));
    deps.clock.advance(60);
    const keys = await ring({ config: { ...deps.config, tokens: { ...deps.config.tokens, algorithm: to } } });
    expect(headerOf(keys.sign(claimsAt(deps))).alg).toBe(to);
    expect(keys.verify(before).jti).toBeTypeOf('string');
    deps.clock.advance(deps.config.tokens.accessLifetime + 60);
    await keys.reload();
    expect(headerOf(keys.sign(claimsAt(deps))).alg).toBe(to);
    expect(refusalOf(() => keys.verify(before))).toBe('invalid_token');
  },
);

test('JWT_SECRET_KEY_PREVIOUS still verifies, and a secret that is in neither does not', async () => {
  const { deps, ring } = await world('HS256');
  const token = (await ring()).sign(claimsAt(deps));
  const secrets = (jwtSecret: string, previousJwtSecrets: string[]) =>
    ({
      config: { ...deps.config, tokens: { ...deps.config.tokens, jwtSecret, previousJwtSecrets } },
    }) as const;
  const fresh = 'another secret of at least thirty-two bytes';
  expect(
    (await ring(secrets(fresh, ['junk of thirty-two bytes or even more', SECRET]))).verify(token).sub,
  ).toBeTypeOf('string');
  const without = await ring(secrets(fresh, []));
  expect(refusalOf(() => without.verify(token))).toBe('invalid_token');
});

test('a start refuses when a stored private key cannot be opened, and says what to do', async () => {
  const { deps, ring } = await world('ES256');
  await ring();
  await expect(ring({ secrets: deriveSecrets('an altogether different root secret') })).rejects.toThrow(
    /signing key .* cannot be opened with AUTH_ROOT_SECRET.*AUTH_ROOT_SECRET_PREVIOUS/s,
  );
  const moved = deriveSecrets('an altogether different root secret', [deps.config.secrets.root ?? '']);
  expect((await ring({ secrets: moved })).jwks().keys).toHaveLength(1);
});

test('a leaked key goes at once, with every token that it signed, and a running replica follows', async () => {
  const { deps, ring } = await world('ES256');
  const keys = await ring();
  const stolen = keys.sign(claimsAt(deps));
  await rotateKeys(deps, command);
  const replaced = await replaceKeys(deps, { actor: { kind: 'operator' }, caller: null });
  await keys.reload();
  expect(keys.jwks().keys.map(({ kid }) => kid)).toEqual([replaced?.key.kid]);
  expect(refusalOf(() => keys.verify(stolen))).toBe('invalid_token');
  expect(headerOf(keys.sign(claimsAt(deps))).kid).toBe(replaced?.key.kid);
});

test('a key of KEY_ROTATION_DAYS gets a successor by itself, from one of the replicas', async () => {
  const { deps } = await world('ES256');
  const rings = [await openKeyRing(deps, { poll: 0.05 }), await openKeyRing(deps, { poll: 0.05 })];
  const kid = rings[0]?.jwks().keys[0]?.kid;
  deps.clock.advance(deps.config.tokens.keyRotationAge);
  await expect.poll(() => rings.map(ring => ring.jwks().keys.length)).toEqual([2, 2]);
  for (const ring of rings) ring.close();
  const reasons = await deps.db.rows(
    sql`select from audit_events where type = 'key.rotated' and reason = 'age'`,
  );
  expect(reasons).toHaveLength(1);
  expect(headerOf(rings[0]?.sign(claimsAt(deps)) ?? '').kid).toBe(kid);
});

test('a service whose table of keys somebody emptied makes a key again, and with KEY_ROTATION_DAYS=0 no other', async () => {
  const { deps } = await world('ES256');
  const config = { ...deps.config, tokens: { ...deps.config.tokens, keyRotationAge: 0 } };
  const ring = await openKeyRing({ ...deps, config }, { poll: 0.05 });
  const before = ring.jwks().keys.map(({ kid }) => kid);
  await deps.db.run(sql`delete from signing_keys`);
  const now = () => ring.jwks().keys.map(({ kid }) => kid);
  await expect.poll(() => now().length === 1 && now()[0] !== before[0]).toBe(true);
  ring.close();
  const { kid } = headerOf(ring.sign(claimsAt(deps)));
  expect(await deps.db.rows(sql`select kid from signing_keys`)).toEqual([{ kid }]);
});

test('whoever asks for the keys of now gets them, although an older look is still under way', async () => {
  const { deps, ring } = await world('ES256');
  const { db, hooks } = watchedDatabase(deps.databaseUrl);
  const replica = await ring({ db });
  const leaked = replica.sign(claimsAt(deps));
  const seen = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  hooks.push({
    text: 'from signing_keys',
    after: async () => {
      seen.resolve();
      await held.promise;
    },
  });
  const older = replica.reload();
  await seen.promise;
  await replaceKeys(deps, { actor: { kind: 'operator' }, caller: null });
  const told = replica.reload();
  held.resolve();
  await Promise.all([older, told]);
  expect(refusalOf(() => replica.verify(leaked))).toBe('invalid_token');
  await db.close();
});
