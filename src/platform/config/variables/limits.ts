import { integer, text } from '../parsers.ts';
import { rateLimit } from '../rate-limit-parser.ts';
import { redisUrl } from '../redis-url.ts';
import { endpoint } from '../url-parsers.ts';
import { optional, setting } from '../variable.ts';

export const limits = {
  LOCKOUT_ATTEMPTS: setting(integer(0, 100), 'Wrong passwords until an account is locked; 0: never.', '5'),
  LOCKOUT_WINDOW_MINUTES: setting(integer(1, 1440), 'The time they are counted in, in minutes.', '15'),
  LOCKOUT_MINUTES: setting(
    integer(1, 43_200),
    'How long the first lock holds; each further one doubles.',
    '15',
  ),
  LOCKOUT_MAX_MINUTES: setting(integer(1, 43_200), 'The longest that a lock holds, in minutes.', '1440'),
  RATE_LIMIT: setting(
    rateLimit,
    'on, off (resend cooldowns too), or JSON of points per window by route group: {"login": 60, "reset": {"points": 20, "seconds": 60}}',
    'on',
  ),
  REDIS_URL: optional(
    redisUrl,
    'What replicas share: a copy of revocations, rate limits, broadcasts. redis://, rediss://, redis+sentinel:// or redis+cluster:// (docs/redis.md).',
    { secret: true, fallbackText: 'none: the same in PostgreSQL and memory' },
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
  ),
};
