import { integer, text } from '../parsers.ts';
import { rateLimit } from '../rate-limit-parser.ts';
import { redisUrl } from '../redis-url.ts';
import { endpoint } from '../url-parsers.ts';
import { optional, setting } from '../variable.ts';

export const limits = {
  LOCKOUT_ATTEMPTS: setting(integer(0, 100), 'How many failed attempts lock an account; 0: none do.', '5'),
  LOCKOUT_WINDOW_MINUTES: setting(
    integer(1, 1440),
    'Within how many minutes LOCKOUT_ATTEMPTS are counted.',
    '15',
  ),
  LOCKOUT_MINUTES: setting(
    integer(1, 43_200),
    'How long the first lock lasts, in minutes; each further lock lasts twice as long.',
    '15',
  ),
  LOCKOUT_MAX_MINUTES: setting(integer(1, 43_200), 'How long a lock lasts at most, in minutes.', '1440'),
  RATE_LIMIT: setting(
    rateLimit,
    'on; off (resend cooldowns too); or JSON with the points per window of route groups: {"login": 60, "reset": {"points": 20, "seconds": 60}} (docs/rate-limits.md).',
    'on',
  ),
  REDIS_URL: optional(
    redisUrl,
    'Redis, in which replicas share rate limits, broadcasts and a copy of revocations: redis://, rediss://, redis+sentinel:// or redis+cluster:// (docs/redis.md).',
    { secret: true, fallbackText: 'none: PostgreSQL and memory are used instead' },
  ),
  AUDIT_RETENTION_DAYS: setting(
    integer(0, 36_500),
    'Whole months of the audit trail older than this are dropped; 0: never.',
    '0',
  ),
  AUDIT_CHECKPOINT_FILE: optional(
    text,
    'Each signed checkpoint of the audit trail is appended to this file.',
  ),
  AUDIT_CHECKPOINT_URL: optional(
    endpoint,
    'Each signed checkpoint of the audit trail is POSTed there as JSON.',
    { secret: true },
  ),
};
