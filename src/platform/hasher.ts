import {
  type Argon2Cost,
  argon2Decoy,
  argon2Hash,
  argon2IsWeaker,
  argon2Kind,
  argon2Verify,
  isArgon2Hash,
} from './argon2-hash.ts';
import {
  bcryptDecoy,
  bcryptHash,
  bcryptIsWeaker,
  bcryptKind,
  bcryptVerify,
  isBcryptHash,
} from './bcrypt-hash.ts';
import type { Config } from './config.ts';
import { openHashCompany } from './hash-company.ts';
import { openHashPace } from './hash-pace.ts';
import { type HashQueue, openHashQueue, type QueueStats } from './hash-queue.ts';
import { hashThreads, letHashesGiveWay } from './hash-threads.ts';
import { invalid, Problem } from './problems.ts';

/**
 * Password hashing off the main thread, a bounded number at once. `signal` is the caller's: a hash that still waits when
 * its caller goes away is dropped.
 */
export interface Hasher {
  /**
   * A PHC or modular-crypt string of the password after NFC. Refuses with `overloaded` when the queue is full, and with
   * `validation_failed` what no keyboard sends: U+0000, lone surrogates, more than 4,096 characters.
   */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether the hash was made from the password, tried as it was sent first (as the original stored it), then after NFC. False
   * for what `isKnownHash` refuses. Refuses with `overloaded` when the queue is full.
   */
  verify(hash: string, password: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * The same for a login, where `hash` is null for an account that does not exist or has no password. Then, and for a hash that
   * `isKnownHash` refuses, a decoy with the present parameters is compared and does not match.
   */
  compare(hash: string | null, password: string, signal?: AbortSignal): Promise<Comparison>;
  /**
   * True when a login with `password` should store a new hash: another algorithm, a lower cost, or one that reads only
   * the password's first 72 bytes.
   */
  needsRehash(hash: string, password: string): boolean;
  /**
   * Runs work that will hash. Refuses with `overloaded`, before it begins, when as many callers are at it as the queue can hold.
   */
  admit<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Runs what must be read before a hash, for few callers at once: a crowd that will wait for its hashes anyway must not take
   * every connection of the pool before that. A caller who has waited three seconds, as behind readers that a silent database
   * holds, is refused with `overloaded`. Work whose caller has gone is not begun.
   */
  prepare<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Hashes running, waiting and dropped, for the metrics. */
  stats(): QueueStats;
}

/** How a password compared with a stored hash. */
export interface Comparison {
  readonly matches: boolean;
  /**
   * To be awaited before a refusal. Until a login has brought an account's hash to the present BCRYPT_COST or PASSWORD_HASH,
   * comparing with it takes another time than with a decoy, which would tell that the account exists.
   */
  evenOut(): Promise<void>;
}

type Settings = Pick<
  Config['passwords'],
  'hash' | 'bcryptCost' | 'argon2MemoryKib' | 'argon2Passes' | 'queueMax'
>;

// passlib's own limit. Normalising a longer text of combining marks would hold up the event loop.
const PASSWORD_MAX = 4096;

// Enough that no slot waits for the preparation of its next hash.
const PREPARED_PER_SLOT = 2;
const PREPARATION_PATIENCE_MS = 3_000;

/**
 * Opens the hasher with the configured algorithm and cost. Unless a `queue` is given, it runs one hash per core at once and,
 * where hashes are short, keeps the next one ready in the pool. Loads nothing until the first hash.
 */
export function openHasher(
  settings: Settings,
  options: { readonly patienceMs?: number; readonly queue?: HashQueue } = {},
): Hasher {
  const { hashes, aheadBelowMs } = hashThreads();
  const {
    patienceMs = PREPARATION_PATIENCE_MS,
    queue = openHashQueue(hashes, settings.queueMax, aheadBelowMs),
  } = options;
  const preparations = openHashQueue(PREPARED_PER_SLOT * (hashes + 1), Number.POSITIVE_INFINITY);
  const argon2: Argon2Cost = { memoryKib: settings.argon2MemoryKib, passes: settings.argon2Passes };
  const prefersBcrypt = settings.hash === 'bcrypt';
  const decoy = prefersBcrypt ? bcryptDecoy(settings.bcryptCost) : argon2Decoy(argon2);

  const pace = openHashPace();
  const company = openHashCompany(hashes);

  let gaveWay = false;
  /** The result of a job, and how many milliseconds its caller waited: for a slot before it, and for company after it. */
  const run = async <T>(job: () => Promise<T>, signal: AbortSignal | undefined) => {
    const asked = performance.now();
    let from = asked;
    let to = asked;
    const result = await queue.run(async () => {
      from = performance.now();
      const made = await job();
      to = performance.now();
      return made;
    }, signal);
    // The first job has started the threads.
    if (!gaveWay) letHashesGiveWay();
    gaveWay = true;
    await company.join({ milliseconds: to - from, waiting: queue.stats().waiting });
    return { result, waited: from - asked + (performance.now() - to) };
  };

  /** Whether the password makes the hash, how many forms of it were tried, and how long its caller waited for others. */
  const tryForms = async (hash: string, password: string, signal: AbortSignal | undefined) => {
    const nothing = { matches: false, tries: 0, waited: 0 };
    if (!isHashable(password)) return nothing;
    const matches = isBcryptHash(hash) ? bcryptVerify : isArgon2Hash(hash) ? argon2Verify : null;
    if (matches === null) return nothing;
    const forms = new Set([password, password.normalize('NFC')]);
    // Both forms are tried in one slot, and whatever the kind of hash, so that a decoy takes as long.
    const { result, waited } = await run(async () => {
      let tries = 0;
      let found = false;
      for (const form of forms) {
        tries++;
        found = await matches(hash, Buffer.from(form));
        if (found) break;
      }
      return { matches: found, tries };
    }, signal);
    return { ...result, waited };
  };

  return {
    async hash(password, signal) {
      if (!isHashable(password)) {
        throw invalid('password', 'password_invalid', 'Leave out characters that cannot be typed.');
      }
      const bytes = Buffer.from(password.normalize('NFC'));
      const { result } = await run(
        () => (prefersBcrypt ? bcryptHash(bytes, settings.bcryptCost) : argon2Hash(bytes, argon2)),
        signal,
      );
      return result;
    },
    async verify(hash, password, signal) {
      return (await tryForms(hash, password, signal)).matches;
    },
    async compare(hash, password, signal) {
      // Times all of it, since recognizing one kind of hash takes longer than another.
      const from = performance.now();
      const usable = hash !== null && isKnownHash(hash) ? hash : null;
      const kind = kindOf(usable ?? decoy);
      const { matches, tries, waited } = await tryForms(usable ?? decoy, password, signal);
      const took = { kind, tries, milliseconds: performance.now() - from - waited };
      pace.note(took);
      return { matches: matches && usable !== null, evenOut: () => pace.evenOut(took) };
    },
    needsRehash(hash, password) {
      if (prefersBcrypt) {
        return !isBcryptHash(hash) || bcryptIsWeaker(hash, settings.bcryptCost, Buffer.from(password));
      }
      return !isArgon2Hash(hash) || argon2IsWeaker(hash, argon2);
    },
    admit: queue.admit,
    async prepare(work, signal) {
      const patience = AbortSignal.timeout(patienceMs);
      try {
        return await preparations.run(async () => {
          signal?.throwIfAborted();
          return work();
        }, patience);
      } catch (error) {
        throw error === patience.reason ? new Problem('overloaded', { retryAfter: 1 }) : error;
      }
    },
    stats: queue.stats,
  };
}

/** Whether a password can be hashed at all: well-formed Unicode without U+0000, of at most 4,096 characters. */
export function isHashable(password: string): boolean {
  return password.length <= PASSWORD_MAX && password.isWellFormed() && !password.includes('\0');
}

function kindOf(hash: string): string {
  return isBcryptHash(hash) ? bcryptKind(hash) : argon2Kind(hash);
}

/** Whether a stored hash is of a kind that `verify` knows, and costs no more than a login may. */
export function isKnownHash(hash: string): boolean {
  return isBcryptHash(hash) || isArgon2Hash(hash);
}
