import { createHash } from 'node:crypto';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { fetchFailure } from '../platform/fetch-failure.ts';
import { readBounded } from '../platform/read-bounded.ts';

const TIMEOUT_MS = 1_000;
const PREFIX_LENGTH = 5;
// A padded range has about 40 KiB, and a second is enough for a server gone wrong to send hundreds of MiB.
const LARGEST = 512 * 1024;

/**
 * How often a password was seen in breaches, by k-anonymity: only the first five hex digits of its SHA-1 leave the
 * server, and the answer is padded so that its length tells nothing. 0 where the check is off, or gets no answer of at
 * most 512 KiB within a second: the check fails open, and says so in the log.
 */
export async function timesBreached(
  { config, log }: Pick<Deps, 'config' | 'log'>,
  password: string,
  caller?: Caller,
): Promise<number> {
  const base = config.passwords.breachCheckUrl;
  if (base === null) return 0;
  const digest = createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase();
  try {
    const response = await fetch(rangeUrl(base, digest.slice(0, PREFIX_LENGTH)), {
      headers: { 'add-padding': 'true', 'user-agent': 'entrecore-auth' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    });
    if (!response.ok) throw new Error(`the range API answered ${response.status}`);
    const body = await readBounded(response, LARGEST);
    return countOf(body.toString(), digest.slice(PREFIX_LENGTH));
  } catch (error) {
    log.warn(
      { request_id: caller?.requestId, reason: fetchFailure(error) },
      'the breach check failed; the password was accepted without it',
    );
    return 0;
  }
}

// "…/range/", "…/range" and "…/range/{prefix}" all name the same API.
function rangeUrl(base: string, prefix: string): string {
  return `${base.replace(/\{[^}]*\}/g, '').replace(/\/+$/, '')}/${prefix}`;
}

// Lines of "SUFFIX:count"; padding has count 0. A page in their place, as a proxy or a wrong URL gives, has been no check.
function countOf(body: string, suffix: string): number {
  const lines = body.split('\n').map(line => line.trim());
  if (body.trim() !== '' && !lines.some(line => /^[0-9A-F]{35}:\d+$/i.test(line)))
    throw new Error('the answer is no list of hashes');
  const found = lines.find(line => line.toUpperCase().startsWith(`${suffix}:`));
  return Number(found?.split(':')[1]) || 0;
}
