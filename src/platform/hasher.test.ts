import { availableParallelism } from 'node:os';
import { hash as bcrypt } from '@node-rs/bcrypt';
import { describe, expect, test, vi } from 'vitest';
import { isKnownHash, openHasher } from './hasher.ts';

const cheap = { hash: 'bcrypt', bcryptCost: 4, argon2MemoryKib: 64, argon2Passes: 1, queueMax: 128 } as const;
const THREADS = Math.min(availableParallelism(), Number(process.env.UV_THREADPOOL_SIZE ?? 4));
const hasher = openHasher(cheap);
const argon2 = openHasher({ ...cheap, hash: 'argon2id' });

// crypt_blowfish (Openwall), jBCrypt; passlib's test suite for bcrypt_sha256; the Argon2 reference implementation.
const LONG = 'abc123'.repeat(12);
const published: [password: string, hash: string][] = [
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
  ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
  ['', '$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'],
  ['~!@#$%^&*()      ~!@#$%^&*()PNBFRD', '$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO'],
  [
    '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored',
    '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui',
  ],
  ['', '$bcrypt-sha256$v=2,t=2b,r=5$E/e/2AOhqM5W/KJTFQzLce$WFPIZKtDDTriqWwlmRFfHiOTeheAZWe'],
  ['password', '$bcrypt-sha256$v=2,t=2b,r=5$5Hg1DKFqPE8C2aflZ5vVoe$wOK1VFFtS8IGTrGa7.h5fs0u84qyPbS'],
  [
    't\u00e1\u0411\u2113\u0259',
    '$bcrypt-sha256$v=2,t=2b,r=5$.US1fQ4TQS.ZTz/uJ5Kyn.$pzzgp40k8reM1CuQb03PvE0IDPQSdV6',
  ],
  [LONG, '$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$zu1cloESVFIOsUIo7fCEgkdHaI9SSue'],
  [`${LONG}qwr`, '$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$CBF9csfEdW68xv3DwE6xSULXMtqEFP.'],
  [`${LONG}xyz`, '$bcrypt-sha256$v=2,t=2b,r=5$X1g1nh3g0v4h6970O68cxe$zC/1UDUG2ofEXB6Onr2vvyFzfhEOS3S'],
  ['password', '$bcrypt-sha256$2a,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu'],
  [`${LONG}qwr`, '$bcrypt-sha256$2b,5$X1g1nh3g0v4h6970O68cxe$021KLEif6epjot5yoxk0m8I0929ohEa'],
  ['password', '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'],
  ['password', '$argon2id$v=19$m=262144,t=2,p=1$c29tZXNhbHQ$eP4eyR+zqlZX1y5xCFTkw9m5GYx0L5YWwvCFvtlbLow'],
  ['password', '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA'],
];

describe('published vectors', () => {
  test.each(published)('%j makes %s', async (password, hash) => {
    expect(await hasher.verify(hash, password)).toBe(true);
    expect(await hasher.verify(hash, `x${password}`)).toBe(false);
  });
});

test('a short password is stored as $2b$ at the configured cost, and verifies', async () => {
  const hash = await hasher.hash('Tr0ubador & co');
  expect(hash).toMatch(/^\$2b\$04\$.{53}$/);
  expect(await hasher.verify(hash, 'Tr0ubador & co')).toBe(true);
  expect(await hasher.verify(hash, 'Tr0ubador & c')).toBe(false);
});

test('nothing is truncated: from 72 bytes on, the last character still counts', async () => {
  for (const length of [71, 72, 73, 200]) {
    const password = 'a1'.repeat(100).slice(0, length);
    const hash = await hasher.hash(password);
    expect(await hasher.verify(hash, password)).toBe(true);
    expect(await hasher.verify(hash, `${password}x`)).toBe(false);
    expect(await hasher.verify(hash, `${password.slice(0, -1)}x`)).toBe(false);
  }
  expect(await hasher.hash('a'.repeat(71))).toMatch(/^\$2b\$04\$/);
  expect(await hasher.hash('a'.repeat(72))).toMatch(/^\$bcrypt-sha256\$v=2,t=2b,r=4\$.{22}\$.{31}$/);
});

test('one password typed composed or decomposed is one password (NFC)', async () => {
  for (const each of [hasher, argon2]) {
    const hash = await each.hash('cafe\u0301 Zo\u00eb 42');
    expect(await each.verify(hash, 'caf\u00e9 Zoe\u0308 42')).toBe(true);
  }
});

test('an imported hash is compared with the bytes that the original hashed, decomposed or cut at 72', async () => {
  const decomposed = await bcrypt(Buffer.from('cafe\u0301'), { cost: 4 });
  expect(await hasher.verify(decomposed, 'cafe\u0301')).toBe(true);
  expect(await hasher.verify(decomposed, 'caf\u00e9')).toBe(false);
  const truncated = await bcrypt(Buffer.from('a'.repeat(80)), { cost: 4 });
  expect(await hasher.verify(truncated, 'a'.repeat(80))).toBe(true);
  expect(hasher.needsRehash(truncated, 'a'.repeat(80))).toBe(true);
  expect(hasher.needsRehash(truncated, 'a'.repeat(71))).toBe(false);
});

test('U+0000, lone surrogates and more than 4,096 characters are refused, and verify as false', async () => {
  // With what bcrypt would make of them.
  for (const [password, read] of [
    ['a\0b', 'a'],
    ['\ud800abc', '\ufffdabc'],
    ['a'.repeat(4097), 'a'.repeat(72)],
  ] as const) {
    await expect(hasher.hash(password)).rejects.toMatchObject({ code: 'validation_failed' });
    expect(await hasher.verify(await bcrypt(Buffer.from(read), { cost: 4 }), password)).toBe(false);
    expect((await hasher.compare(null, password)).matches).toBe(false);
  }
  const longest = 'a'.repeat(4096);
  expect(await hasher.verify(await hasher.hash(longest), longest)).toBe(true);
});

const SALT_AND_DIGEST = 'c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
const BCRYPT_REST = 'CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
const SHA256_REST = 'X1g1nh3g0v4h6970O68cxe$zu1cloESVFIOsUIo7fCEgkdHaI9SSue';
// Each would take the memory or the cores away, or the library would throw at it.
const unusable = [
  `$argon2id$v=19$m=1073741824,t=2,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=262145,t=1,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=64,t=65,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=262144,t=17,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=1024,t=1,p=17$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=64,t=1,p=9$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=064,t=1,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=16$m=64,t=1,p=1$${SALT_AND_DIGEST}`,
  `$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHR$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`,
  `$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPd`,
  `$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQaa$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`,
  `$argon2id$v=19$m=64,t=1,p=1$${SALT_AND_DIGEST}\n`,
  `$2b$03$${BCRYPT_REST}`,
  `$2b$17$${BCRYPT_REST}`,
  `$2b$31$${BCRYPT_REST}`,
  `$2b$99$${BCRYPT_REST}`,
  `$2b$10$${BCRYPT_REST}x`,
  '$bcrypt-sha256$nonsense',
  `$bcrypt-sha256$v=2,t=2b,r=31$${SHA256_REST}`,
  `$bcrypt-sha256$2b,17$${SHA256_REST}`,
];

test('a hash that costs too much or is not exactly of its form is not known, and false without being computed', async () => {
  const from = performance.now();
  for (const hash of unusable) {
    expect(isKnownHash(hash), hash).toBe(false);
    expect(await hasher.verify(hash, 'password')).toBe(false);
  }
  expect(performance.now() - from).toBeLessThan(1000);
  for (const hash of [
    `$argon2id$v=19$m=262144,t=16,p=16$${SALT_AND_DIGEST}`,
    `$argon2id$v=19$m=65536,t=64,p=4$${SALT_AND_DIGEST}`,
    `$2y$16$${BCRYPT_REST}`,
    `$bcrypt-sha256$v=2,t=2b,r=16$${SHA256_REST}`,
  ])
    expect(isKnownHash(hash), hash).toBe(true);
});

test('junk in the database is false, never an error', async () => {
  for (const hash of [
    '',
    'x',
    '$2b$04$short',
    '$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$bcrypt-sha256$v=3,t=2b,r=4$x$y',
    '$argon2id$v=19$m=0,t=0,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ]) {
    expect(await hasher.verify(hash, 'password')).toBe(false);
  }
});

test('needsRehash names another algorithm and a lower cost, and leaves a higher cost alone', async () => {
  const plain = await hasher.hash('a');
  const keyed = await hasher.hash('a'.repeat(100));
  const phc = await argon2.hash('a');
  expect(phc).toMatch(/^\$argon2id\$v=19\$m=64,t=1,p=1\$/);
  const costlier = openHasher({ ...cheap, bcryptCost: 5 });
  const memory = openHasher({ ...cheap, hash: 'argon2id', argon2MemoryKib: 128 });
  const passes = openHasher({ ...cheap, hash: 'argon2id', argon2Passes: 2 });
  const verdicts = [hasher, costlier, argon2, memory, passes].map(each =>
    [plain, keyed, phc, '$bcrypt-sha256$2b,12$X1g1nh3g0v4h6970O68cxe$021KLEif6epjot5yoxk0m8I0929ohEa'].map(
      hash => each.needsRehash(hash, 'a'),
    ),
  );
  expect(verdicts).toEqual([
    [false, false, true, true],
    [true, true, true, true],
    [true, true, false, true],
    [true, true, true, true],
    [true, true, true, true],
  ]);
  expect(hasher.needsRehash(await costlier.hash('a'), 'a')).toBe(false);
});

const time = async (work: () => Promise<unknown>) => {
  const from = performance.now();
  await work();
  return performance.now() - from;
};
const median = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

test('a decoy takes as long as a wrong password, from the first one on, and a hash that is not computed too', async () => {
  const fresh = openHasher({ ...cheap, bcryptCost: 8 });
  const stored = await fresh.hash('a'.repeat(20));
  const real: number[] = [];
  const decoy: number[] = [];
  const notComputed: number[] = [];
  for (let round = 0; round < 15; round++) {
    decoy.push(await time(() => openHasher({ ...cheap, bcryptCost: 8 }).compare(null, 'wrong')));
    notComputed.push(await time(() => fresh.compare(unusable[0] as string, 'wrong')));
    real.push(await time(() => fresh.verify(stored, 'wrong')));
  }
  for (const times of [decoy, notComputed]) {
    expect(median(times) / median(real)).toBeGreaterThan(0.6);
    expect(median(times) / median(real)).toBeLessThan(1.6);
  }
});

test('a refusal takes as long whether a hash is of the present kind, of a cheaper or of a costlier one', async () => {
  const present = openHasher({ ...cheap, bcryptCost: 6 });
  const kinds: Record<string, string | null> = {
    decoy: null,
    present: await present.hash('right'),
    cheaper: await hasher.hash('right'),
    costlier: await openHasher({ ...cheap, bcryptCost: 8 }).hash('right'),
    'of another algorithm': await argon2.hash('right'),
  };
  const times: Record<string, number[]> = {};
  const refuse = async (hash: string | null) => {
    const { matches, evenOut } = await present.compare(hash, 'wrong');
    expect(matches).toBe(false);
    await evenOut();
  };
  // What each kind takes is known once some of it were compared.
  for (let round = 0; round < 30; round++)
    for (const [kind, hash] of Object.entries(kinds)) {
      const taken = await time(() => refuse(hash));
      if (round >= 10) (times[kind] ??= []).push(taken);
    }
  const decoy = median(times.decoy ?? []);
  for (const [kind, taken] of Object.entries(times)) {
    expect(median(taken) / decoy, kind).toBeGreaterThan(0.7);
    expect(median(taken) / decoy, kind).toBeLessThan(1.4);
  }
  // Each of 150 waits for the slowest hash, and beside other suites that is ten times slower than alone.
}, 60_000);

test('past the queue a hash is refused with overloaded, and works again once the queue has drained', async () => {
  const small = openHasher({ ...cheap, bcryptCost: 8, queueMax: 2 });
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => small.hash('a')));
  const refused = outcomes.filter(outcome => outcome.status === 'rejected');
  expect(refused.length).toBeGreaterThan(20);
  for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', status: 503 });
  expect(small.stats()).toEqual({ running: 0, waiting: 0, dropped: 0 });
  expect(await small.hash('a')).toMatch(/^\$2b\$/);
});

test('of a crowd, few prepare for their hashes at once, and all of them get their turn', async () => {
  let [running, most, done] = [0, 0, 0];
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise(resolve => setImmediate(resolve));
    running--;
    return ++done;
  };
  await Promise.all(Array.from({ length: 100 }, () => hasher.prepare(work)));
  expect(done).toBe(100);
  expect(most).toBe(2 * (THREADS + 1));
});

test('what must be read before a hash is not read for a caller who has gone', async () => {
  const gone = new Error('gone');
  const work = vi.fn<() => Promise<string>>(async () => 'read');
  await expect(hasher.prepare(work, AbortSignal.abort(gone))).rejects.toBe(gone);
  expect(work).not.toHaveBeenCalled();
  expect(await hasher.prepare(work, new AbortController().signal)).toBe('read');
});

test('behind preparations that never end, a caller is told to come back', async () => {
  const impatient = openHasher(cheap, { patienceMs: 20 });
  const { promise: forever, resolve } = Promise.withResolvers<void>();
  const held = Array.from({ length: 2 * (THREADS + 1) }, () => impatient.prepare(() => forever));
  await expect(impatient.prepare(async () => 'too late')).rejects.toMatchObject({ code: 'overloaded' });
  resolve();
  await Promise.all(held);
  expect(await impatient.prepare(async () => 'in time')).toBe('in time');
});
