// A second replica that signs and verifies: forked with the database's URL and the key ring's timing as arguments.
// Answers { sign } with { token }, and { verify } with { accepted, reason }.

import type { TokenClaims } from '../../src/keys/claims.ts';
import { openKeyRing, type Timing } from '../../src/keys/key-ring.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { openHasher } from '../../src/platform/hasher.ts';
import { openLog } from '../../src/platform/log.ts';
import { openMemoryCache } from '../../src/platform/memory-cache.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { deriveSecrets } from '../../src/platform/secrets.ts';
import { configWith } from './deps.ts';

const [, , url = '', timing = '{}', tokens = '{}'] = process.argv;
const config = configWith({ tokens: JSON.parse(tokens) as object });
const deps = {
  db: openDatabase({ connection: { connectionString: url }, poolMax: 4, prepare: true }),
  clock: systemClock,
  random: systemRandom,
  cache: openMemoryCache({ clock: systemClock, log: openLog('silent') }),
  log: openLog('silent'),
  config,
  secrets: deriveSecrets(config.secrets.root ?? ''),
  hasher: openHasher(config.passwords),
};
const keys = await openKeyRing(deps, JSON.parse(timing) as Partial<Timing>);

interface Order {
  readonly id: number;
  readonly sign?: TokenClaims;
  readonly verify?: string;
}

process.on('message', ({ id, sign, verify }: Order) => {
  if (sign !== undefined) return process.send?.({ id, answer: keys.sign(sign) });
  try {
    keys.verify(verify ?? '');
    process.send?.({ id, answer: 'accepted' });
  } catch (error) {
    process.send?.({ id, answer: String(error) });
  }
});
process.send?.({ id: 0, answer: 'ready' });
