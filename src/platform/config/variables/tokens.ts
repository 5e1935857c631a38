import { choice, integer, secretList, text } from '../parsers.ts';
import { optional, setting } from '../variable.ts';

export const tokens = {
  ALGORITHM: setting(
    choice('HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'),
    'Algorithm that signs access tokens: HS256, HS384, HS512 (one secret, JWT_SECRET_KEY), or RS256, PS256, ES256, EdDSA (key pairs that the service makes; public keys at /.well-known/jwks.json).',
    'HS256',
  ),
  JWT_SECRET_KEY: optional(
    text,
    'Signs HS* access tokens and nothing else, since sibling services may hold it. At least 32, 48 or 64 bytes for HS256, HS384 or HS512. Make one: openssl rand -base64 48',
    {
      secret: true,
      fallbackText: 'made once under DATA_DIR with the embedded PostgreSQL; required with a server',
    },
  ),
  JWT_SECRET_KEY_PREVIOUS: optional(
    secretList,
    'Earlier values that still verify, separated by commas; or a JSON array if a value contains a comma.',
    { secret: true },
  ),
  AUTH_ROOT_SECRET: optional(
    text,
    'Refresh tokens, cookies, challenges and the encryption of stored data derive from it. At least 32 bytes; never give it to another program. Make one: openssl rand -base64 48',
    {
      secret: true,
      fallbackText: 'made once: under DATA_DIR with the embedded PostgreSQL, else in the database',
    },
  ),
  AUTH_ROOT_SECRET_PREVIOUS: optional(
    secretList,
    'Earlier values that still verify and decrypt, written as in JWT_SECRET_KEY_PREVIOUS; docs/keys.md says how long to keep one.',
    { secret: true },
  ),
  KEY_ROTATION_DAYS: setting(
    integer(0, 3650),
    'Age in days at which a signing key of RS256, PS256, ES256 or EdDSA gets a successor; 0: only by command.',
    '90',
  ),
  JWT_AUDIENCE: setting(text, 'The aud of access tokens.', 'entrecore'),
  ACCESS_TOKEN_EXPIRE_MINUTES: setting(integer(1, 1440), 'Lifetime of an access token, in minutes.', '30'),
  REFRESH_TOKEN_EXPIRE_DAYS: setting(
    integer(1, 3650),
    'Lifetime of a refresh token, in days; each refresh restarts it.',
    '7',
  ),
  SESSION_MAX_AGE_DAYS: setting(
    integer(1, 3650),
    'Days after which a session ends, however often it was refreshed.',
    '30',
  ),
  REFRESH_REUSE_GRACE_SECONDS: setting(
    integer(0, 300),
    'For how many seconds a used refresh token still gives the same successor (a lost answer, two tabs); 0: not at all.',
    '10',
  ),
  REAUTH_MINUTES: setting(
    integer(1, 1440),
    'How many minutes ago the last login may be for sensitive actions.',
    '10',
  ),
};
