import type { Config, RateOverride } from '../config.ts';
import { LIMIT_NAMES } from '../rate-groups.ts';
import { json } from './parsers.ts';
import { Unacceptable } from './variable.ts';

const FORM = 'on, off, or JSON such as {"login": 60, "reset": {"points": 20, "seconds": 60}}';

/** RATE_LIMIT: on, off, or points (and the seconds of their window) of single route groups and message budgets. */
export function rateLimit(value: string): Config['rateLimit'] {
  const word = value.toLowerCase();
  if (word === 'on' || word === 'off') return word;
  if (!value.startsWith('{')) throw new Unacceptable(`must be ${FORM}`);
  const limits = Object.entries(json(value) as Record<string, unknown>).map(
    ([group, limit]) => [group, overrideOf(limit)] as const,
  );
  const unknown = quoted(limits.filter(([group]) => !LIMIT_NAMES.includes(group)));
  const wrong = quoted(
    limits.filter(([group, override]) => override === null && LIMIT_NAMES.includes(group)),
  );
  const complaints = [
    unknown === '' ? [] : `must name groups out of ${LIMIT_NAMES.join(', ')} (there is no ${unknown})`,
    wrong === '' ? [] : `must give ${wrong} points from 1 to 1000000, and at most 86400 seconds: ${FORM}`,
  ].flat();
  if (complaints.length > 0) throw new Unacceptable(complaints.join('; it '));
  return Object.fromEntries(limits) as Record<string, RateOverride>;
}

const quoted = (limits: readonly (readonly [group: string, limit: unknown])[]) =>
  limits.map(([group]) => `"${group}"`).join(', ');

/** Points alone, or with the seconds of their window; null where it is neither. */
function overrideOf(limit: unknown): RateOverride | null {
  const { points, seconds, ...others } = (typeof limit === 'number' ? { points: limit } : (limit ?? {})) as {
    [member: string]: unknown;
  };
  const right =
    isWithin(points, 1_000_000) &&
    (seconds === undefined || isWithin(seconds, 86_400)) &&
    Object.keys(others).length === 0;
  return right ? { points, ...(seconds !== undefined && { seconds }) } : null;
}

function isWithin(value: unknown, maximum: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= maximum;
}
