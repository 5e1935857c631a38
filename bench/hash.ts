/**
 * The ceiling of whatever hashes a password: verifications on all cores and nothing else. `node bench/hash.ts argon2id 3`
 * With a third word, as many more at once: they wait in libuv's pool.
 */
import { availableParallelism } from 'node:os';
import * as argon2 from '@node-rs/argon2';
import * as bcrypt from '@node-rs/bcrypt';

const [, , algorithm, seconds, ahead = '0'] = process.argv;
const password = Buffer.from('Measured-twice-cut-once-7');
const isArgon2 = algorithm === 'argon2id';
const stored = isArgon2
  ? await argon2.hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  : await bcrypt.hash(password, { cost: 12 });
const verify = () => (isArgon2 ? argon2.verify(stored, password) : bcrypt.compare(password, stored));

const from = performance.now();
const until = from + Number(seconds) * 1000;
let count = 0;
await Promise.all(
  Array.from({ length: availableParallelism() + Number(ahead) }, async () => {
    while (performance.now() < until) {
      await verify();
      count++;
    }
  }),
);
process.stdout.write(String(count / ((performance.now() - from) / 1000)));
