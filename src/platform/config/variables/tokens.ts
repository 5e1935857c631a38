import { choice, integer, secretList, text } from '../parsers.ts';
import { optional, setting } from '../variable.ts';

export const tokens = {
  ALGORITHM: setting(
    choice('HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'),
    'Signs access tokens: HS256, HS384, HS512 (one secret, JWT_SECRET_KEY), or RS256, PS256, ES256, EdDSA (keys made by the service and published at /.well-known/jwks.json).',
    'HS256',
  ),
  JWT_SECRET_KEY: optional(
    text,
    'Signs HS* access tokens, and nothing else, since sibling services may hold it. At least 32, 48, 64 bytes for HS256, HS384, HS512. Make one: openssl rand -base64 48',
    {
      secret: true,
      fallbackText: 'made once under DATA_DIR with the embedded PostgreSQL; required with a server',
    },
  ),
  JWT_SECRET_KEY_PREVIOUS: optional(
    secretList,
    'Earlier values that still verify; separated by commas, or a JSON array where one holds a comma.',
    { secret: true },
  ),
  AUTH_ROOT_SECRET: optional(
    text,
    'At least 32 bytes, never given to another program: refresh tokens, cookies, challenges and encryption at rest derive from it. Make one: openssl rand -base64 48',
    {
      secret: true,
      fallbackText: 'made once: under DATA_DIR with the embedded PostgreSQL, else in the database',
    },
  ),
  AUTH_ROOT_SECRET_PREVIOUS: optional(
    secretList,
    'Earlier values that still verify and decrypt, written as those of JWT_SECRET_KEY; docs/keys.md says how long to keep one.',
    { secret: true },
  ),
  KEY_ROTATION_DAYS: setting(
    integer(0, 3650),
    'Age at which a signing key of RS256, PS256, ES256 or EdDSA gets a successor; 0: only by command.',
    '90',
  ),
  JWT_AUDIENCE: setting(text, 'The aud of access tokens.', 'entrecore'),
  ACCESS_TOKEN_EXPIRE_MINUTES: setting(integer(1, 1440), 'Life of an access token, in minutes.', '30'),
  REFRESH_TOKEN_EXPIRE_DAYS: setting(
    integer(1, 3650),
    'Life of a refresh token, in days; each refresh begins it anew.',
    '7',
  ),
  SESSION_MAX_AGE_DAYS: setting(
    integer(1, 3650),
    'Days after which a session ends however often it was refreshed.',
    '30',
  ),
  REFRESH_REUSE_GRACE_SECONDS: setting(
    integer(0, 300),
    'For how long the token before the last one is forgiven (a lost answer, two tabs); 0: never.',
    '10',
  ),
  REAUTH_MINUTES: setting(
    integer(1, 1440),
    'How recent a login must be for sensitive actions, in minutes.',
    '10',
  ),
};
