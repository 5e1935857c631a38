import type { Config, RateOverride } from '../config.ts';
import { LIMIT_NAMES } from '../rate-groups.ts';
import { json } from './parsers.ts';
import { Unacceptable } from './variable.ts';

const FORM = 'on, off, or JSON such as {"login": 60, "reset": {"points": 20, "seconds": 60}}';

/** RATE_LIMIT: on, off, or points (and the seconds of their window) of single route groups and message budgets. */
export function rateLimit(value: string): Config['rateLimit'] {
  if (value === 'on' || value === 'off') return value;
  if (!value.startsWith('{')) throw new Unacceptable(`must be ${FORM}`);
  const overrides: Record<string, RateOverride> = {};
  for (const [group, limit] of Object.entries(json(value) as Record<string, unknown>)) {
    if (!LIMIT_NAMES.includes(group)) {
      throw new Unacceptable(`must name groups out of ${LIMIT_NAMES.join(', ')}; "${group}" is none`);
    }
    overrides[group] = overrideOf(group, typeof limit === 'number' ? { points: limit } : limit);
  }
  return overrides;
}

function overrideOf(group: string, limit: unknown): RateOverride {
  const { points, seconds, ...others } = (limit ?? {}) as Record<string, unknown>;
  const right =
    isWithin(points, 1_000_000) &&
    (seconds === undefined || isWithin(seconds, 86_400)) &&
    Object.keys(others).length === 0;
  if (!right) {
    throw new Unacceptable(
      `must give "${group}" points from 1 to 1000000, and at most 86400 seconds: ${FORM}`,
    );
  }
  return { points, ...(seconds !== undefined && { seconds: seconds as number }) };
}

function isWithin(value: unknown, maximum: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maximum;
}
