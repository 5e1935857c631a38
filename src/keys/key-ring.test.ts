import { expect, test } from 'vitest';
import { claimsAt, command, headerOf, refusalOf, SECRET, useKeyRings } from '../../test/support/key-rings.ts';
import { numericDate } from '../platform/clock.ts';
import type { Algorithm } from '../platform/config.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { openKeyRing } from './key-ring.ts';
import { PUBLISH_LEAD, rotateKeys } from './rotate.ts';
import { openVerified, type Verified } from './verified.ts';

const world = useKeyRings();

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
  const tokens = openVerified(2);
  for (const token of ['a', 'b', 'a', 'c']) tokens.keep(token, {} as Verified);
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

test('a key that a clock years ahead made keeps no rotation waiting, nor the former key in the JWKS for as long', async () => {
  const { deps } = await world('ES256');
  const ring = await openKeyRing(deps, { poll: 0.05 });
  const kids = () => ring.jwks().keys.map(({ kid }) => kid);
  const [first] = kids();
  const YEARS = 3 * 365 * 86_400;
  deps.clock.advance(YEARS);
  await expect.poll(kids).toHaveLength(2);
  const before = new Set(kids());
  deps.clock.advance(-YEARS);
  await expect.poll(kids).toHaveLength(3);
  const third = kids().find(kid => !before.has(kid));
  deps.clock.advance(PUBLISH_LEAD);
  expect(headerOf(ring.sign(claimsAt(deps))).kid).toBe(third);
  expect(await rotateKeys(deps, command)).toMatchObject({ made: true });
  deps.clock.advance(3 * 86_400);
  await ring.reload();
  expect(kids()).not.toContain(first);
  expect(kids()).toHaveLength(1);
  ring.close();
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
