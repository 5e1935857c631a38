import type { Static } from 'typebox';
import type { Account } from '../accounts/account.ts';
import { listEvents } from '../audit/list.ts';
import { roleDemandsFactor, secondFactorsOf } from '../mfa/factors.ts';
import { hasExpired } from '../passwords/expiry.ts';
import { findStoredPassword } from '../passwords/stored.ts';
import type { Deps } from '../platform/deps.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import { isLocked, lockoutsOf } from '../throttle/lockout.ts';

const instant = Type.String({ format: 'date-time' });

/**
 * Why somebody cannot log in. `can_log_in` is false when there is no password, or when a login with it from an unknown device
 * would be refused now; a second factor may still be asked for. `failures` are those in a row that count towards a lock.
 */
export const explanationBody = Type.Object(
  {
    user_id: Type.String({ format: 'uuid' }),
    can_log_in: Type.Boolean(),
    obstacles: Type.Array(
      Type.Object(
        { code: Type.String(), message: Type.String(), until: orNull(instant) },
        {
          title: 'Obstacle',
          examples: [
            {
              code: 'no_password',
              message:
                'The account has no password. Its owner can sign in with a provider, or set a password by a mailed reset.',
              until: null,
            },
          ],
        },
      ),
    ),
    failures: Type.Array(
      Type.Object({
        count: Type.Integer(),
        last_at: instant,
        locked_until: orNull(instant),
        known_device: Type.Boolean(),
      }),
    ),
    factors: Type.Array(Type.String()),
    recent: Type.Array(
      Type.Object({
        type: Type.String(),
        reason: orNull(Type.String()),
        created_at: instant,
        ip: orNull(Type.String()),
      }),
    ),
  },
  { title: 'Explanation' },
);
export type Explanation = Static<typeof explanationBody>;

type Obstacle =
  | 'disabled'
  | 'locked'
  | 'device_locked'
  | 'email_not_verified'
  | 'no_password'
  | 'password_expired'
  | 'factor_required';

// Without `device_locked`: a lock of one known device leaves other devices, and strangers, their own lanes.
const HARD: ReadonlySet<string> = new Set<Obstacle>([
  'disabled',
  'locked',
  'email_not_verified',
  'no_password',
]);

/** Why somebody cannot log in, from the facts that the login itself reads. For operators; the person is not told. */
export async function explain(deps: Deps, account: Account): Promise<Explanation> {
  const { db, config } = deps;
  const [lanes, password, factors, demanded, events] = await Promise.all([
    lockoutsOf(db, account.id),
    findStoredPassword(db, account.id),
    secondFactorsOf(db, account.id),
    roleDemandsFactor(db, account.id),
    listEvents(deps, { userId: account.id }, { limit: 20 }),
  ]);
  const obstacles: Explanation['obstacles'] = [];
  const add = (code: Obstacle, message: string, until: Date | null = null) =>
    obstacles.push({ code, message, until: until?.toISOString() ?? null });

  if (account.disabled_at !== null) {
    add(
      'disabled',
      `Disabled since ${account.disabled_at.toISOString()}. An administrator can enable the account.`,
    );
  }
  for (const lane of lanes) {
    if (!isLocked(deps, lane.locked_until)) continue;
    const who = lane.known_device ? 'A known device is locked' : 'Everyone but known devices is locked';
    add(
      lane.known_device ? 'device_locked' : 'locked',
      `${who} after ${lane.failures} failures. Time, a reset or an administrator lifts the lock.`,
      lane.locked_until,
    );
  }
  if (config.requireVerifiedEmail && account.email_verified_at === null) {
    add(
      'email_not_verified',
      'The address is not verified, and REQUIRE_VERIFIED_EMAIL is on. The mail can be sent again.',
    );
  }
  if (password === null)
    add(
      'no_password',
      'The account has no password. Its owner can sign in with a provider, or set a password by a mailed reset.',
    );
  else if (!password.usable)
    add(
      'no_password',
      'The stored hash is of a kind that no login computes, so no password matches. A mailed reset sets a new password.',
    );
  else if (hasExpired(deps, password.changedAt)) {
    add(
      'password_expired',
      `The password was set at ${password.changedAt.toISOString()} and must be replaced at the next login.`,
    );
  }
  if (demanded && factors.length === 0) {
    add(
      'factor_required',
      'A role requires a second factor, and the account has none: the role permits nothing until it has.',
    );
  }
  return {
    user_id: account.id,
    can_log_in: !obstacles.some(({ code }) => HARD.has(code)),
    obstacles,
    failures: lanes.map(lane => ({
      count: lane.failures,
      last_at: lane.last_failure_at.toISOString(),
      locked_until: lane.locked_until?.toISOString() ?? null,
      known_device: lane.known_device,
    })),
    factors,
    recent: events.items.map(({ type, reason, created_at, ip }) => ({ type, reason, created_at, ip })),
  };
}
