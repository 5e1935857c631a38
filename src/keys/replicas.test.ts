import { expect, test, vi } from 'vitest';
import { claimsAt, command, headerOf, refusalOf, useKeyRings } from '../../test/support/key-rings.ts';
import { watchedDatabase } from '../../test/support/watched-database.ts';
import { sql } from '../platform/sql.ts';
import { replaceKeys, rotateKeys } from './rotate.ts';

const world = useKeyRings();

test('replicas that start at once on an empty database agree on one key', async () => {
  const { deps, ring } = await world('ES256');
  const rings = await Promise.all(Array.from({ length: 6 }, () => ring()));
  const kids = rings.map(keys => keys.jwks().keys.map(({ kid }) => kid));
  expect(new Set(kids.flat()).size).toBe(1);
  expect(await deps.db.rows(sql`select from signing_keys`)).toHaveLength(1);
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
