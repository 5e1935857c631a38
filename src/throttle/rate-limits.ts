import type { Hit } from '../platform/cache.ts';
import type { Config } from '../platform/config.ts';
import { openCounters } from '../platform/counters.ts';
import type { Deps } from '../platform/deps.ts';
import { networkOf } from '../platform/http/client-address.ts';
import type { RateVerdict } from '../platform/http/guard.ts';
import { Problem } from '../platform/problems.ts';
import type { RateGroup } from '../platform/rate-groups.ts';

export interface Limit {
  readonly points: number;
  /** Length of the window. */
  readonly seconds: number;
}

interface GroupLimits {
  /** Requests from one address: IPv4, or the /64 of IPv6. */
  readonly address: Limit;
  /** Requests by one account from anywhere. Not set where strangers could spend it and so keep the owner out. */
  readonly account?: Limit;
  /** Requests that name one account, known or not, from one address. */
  readonly both?: Limit;
  /** Counted in each process by itself, because a round trip to Redis would cost more than what it guards. */
  readonly local?: boolean;
}

/**
 * The limits of each group of routes (docs/rate-limits.md). They stop floods, and are generous to an office behind one
 * address: the lockout stops password guessing, and a cooldown stops mails from being sent again and again.
 */
export const RATE_LIMITS: Readonly<Record<RateGroup, GroupLimits>> = {
  login: { address: { points: 300, seconds: 60 }, both: { points: 100, seconds: 60 } },
  refresh: { address: { points: 3000, seconds: 60 } },
  signup: { address: { points: 300, seconds: 60 } },
  // Anybody may ask, and each answer takes milliseconds of the one thread that answers everybody.
  check: { address: { points: 300, seconds: 60 } },
  reset: { address: { points: 60, seconds: 60 }, both: { points: 30, seconds: 300 } },
  mail: { address: { points: 60, seconds: 60 }, account: { points: 20, seconds: 600 } },
  mfa: { address: { points: 300, seconds: 60 }, account: { points: 60, seconds: 60 } },
  // Each change writes an event, and anybody can make an account.
  profile: { address: { points: 300, seconds: 60 }, account: { points: 60, seconds: 60 } },
  // Each export reads a whole history, which may be long.
  export: { address: { points: 60, seconds: 60 }, account: { points: 5, seconds: 3600 } },
  // A gateway asks once for each of its own requests.
  oauth: { address: { points: 60_000, seconds: 60 }, local: true },
  admin: { address: { points: 1200, seconds: 60 } },
  general: { address: { points: 60_000, seconds: 60 }, local: true },
};

interface Prepared extends GroupLimits {
  readonly name: RateGroup;
  readonly policy: string;
  readonly count: (key: string, seconds: number) => Hit | Promise<Hit>;
}

type RateDeps = Pick<Deps, 'config' | 'cache' | 'clock'>;

// Made once for each world, because tests open several in one process.
const prepared = new WeakMap<Deps['cache'], WeakMap<Config, ReadonlyMap<RateGroup, Prepared>>>();

/**
 * Counts a request by its address, and gives the headers of the answer (draft-ietf-httpapi-ratelimit-headers). Null with
 * RATE_LIMIT=off. Answers at once if it counts in memory, or after one round trip to Redis.
 */
export function checkRate(
  deps: RateDeps,
  group: RateGroup,
  { ip }: { ip: string },
): RateVerdict | null | Promise<RateVerdict | null> {
  if (deps.config.rateLimit === 'off') return null;
  const limits = limitsOf(deps, group);
  const hit = limits.count(`${group}:${networkOf(ip)}`, limits.address.seconds);
  return hit instanceof Promise ? hit.then(counted => verdictOf(limits, counted)) : verdictOf(limits, hit);
}

/**
 * Counts a request about an account, from anywhere and from this address. `account` is an id or a name as it was sent:
 * unknown ones count like known ones. Refuses with `rate_limited`.
 */
export async function limitAccount(
  deps: RateDeps & Pick<Deps, 'secrets'>,
  group: RateGroup,
  { ip, account }: { ip: string; account: string },
): Promise<void> {
  if (deps.config.rateLimit === 'off') return;
  const limits = limitsOf(deps, group);
  const subject = subjectOf(deps, account);
  const counting = [
    { limit: limits.account, key: `${group}:account:${subject}` },
    { limit: limits.both, key: `${group}:both:${subject}:${networkOf(ip)}` },
  ];
  const waits = await Promise.all(
    counting.map(async ({ limit, key }) => {
      if (limit === undefined) return 0;
      const { count, resetMs } = await limits.count(key, limit.seconds);
      return count > limit.points ? resetMs : 0;
    }),
  );
  const wait = Math.max(...waits);
  if (wait > 0) throw new Problem('rate_limited', { retryAfter: Math.ceil(wait / 1000) });
}

// A MAC, so that no person's name or address becomes a key in Redis.
function subjectOf({ secrets }: Pick<Deps, 'secrets'>, account: string): string {
  const name = account.normalize('NFKC').trim().toLowerCase().slice(0, 512);
  return secrets.mac('lockout', `rate\0${name}`).subarray(0, 16).toString('base64url');
}

function verdictOf({ name, address, policy }: Prepared, { count, resetMs }: Hit): RateVerdict {
  const seconds = Math.ceil(resetMs / 1000);
  const left = count < address.points ? address.points - count : 0;
  return {
    allowed: count <= address.points,
    retryAfter: seconds,
    headers: { 'ratelimit-policy': policy, ratelimit: `"${name}";r=${left};t=${seconds}` },
  };
}

function limitsOf(deps: RateDeps, group: RateGroup): Prepared {
  let byConfig = prepared.get(deps.cache);
  if (byConfig === undefined) prepared.set(deps.cache, (byConfig = new WeakMap()));
  let groups = byConfig.get(deps.config);
  if (groups === undefined) byConfig.set(deps.config, (groups = prepare(deps)));
  return groups.get(group) as Prepared;
}

function prepare({ config, cache, clock }: RateDeps): ReadonlyMap<RateGroup, Prepared> {
  const overrides = typeof config.rateLimit === 'object' ? config.rateLimit : {};
  const countHere = openCounters(clock);
  const entries = Object.entries(RATE_LIMITS) as [RateGroup, GroupLimits][];
  return new Map(
    entries.map(([name, limits]) => {
      const address = { ...limits.address, ...overrides[name] };
      const count = limits.local === true ? countHere : cache.hit;
      const policy = `"${name}";q=${address.points};w=${address.seconds}`;
      return [name, { ...limits, name, address, policy, count }];
    }),
  );
}
