import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import type { Values } from './table.ts';
import { withAbsoluteFiles } from './url-files.ts';
import type { ValuesOf } from './variable.ts';
import type { database } from './variables/database.ts';

export type DatabaseConfig = Pick<Config, 'dataDir' | 'database'>;

type DatabaseValues = ValuesOf<typeof database>;

const DAY = 86_400;

/**
 * The typed configuration, built from the values of all variables: nested by slice, with durations in seconds and absolute
 * paths; frozen.
 */
export function assemble(values: Values, folder: string): Config {
  const path = (file: string | null) => (file === null ? null : resolve(folder, file));
  const config: Config = {
    ...assembleDatabase(values, folder),
    http: {
      host: values.HOST,
      port: values.PORT,
      publicUrl: values.PUBLIC_URL,
      appUrl: values.APP_URL,
      corsOrigins: values.CORS_ORIGINS,
      trustProxy: values.TRUST_PROXY,
      tls: together({ certFile: path(values.TLS_CERT_FILE), keyFile: path(values.TLS_KEY_FILE) }),
      metricsToken: values.METRICS_TOKEN,
    },
    secrets: { root: values.AUTH_ROOT_SECRET, previousRoots: values.AUTH_ROOT_SECRET_PREVIOUS ?? [] },
    tokens: {
      algorithm: values.ALGORITHM,
      jwtSecret: values.JWT_SECRET_KEY,
      previousJwtSecrets: values.JWT_SECRET_KEY_PREVIOUS ?? [],
      audience: values.JWT_AUDIENCE,
      accessLifetime: values.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
      keyRotationAge: values.KEY_ROTATION_DAYS * DAY,
    },
    sessions: {
      idleLifetime: values.REFRESH_TOKEN_EXPIRE_DAYS * DAY,
      maxAge: values.SESSION_MAX_AGE_DAYS * DAY,
      reuseGrace: values.REFRESH_REUSE_GRACE_SECONDS,
      reauthAge: values.REAUTH_MINUTES * 60,
    },
    mail: { smtpUrl: located(values.SMTP_URL, folder), from: values.MAIL_FROM },
    sms: smsOf(values),
    ...signInOf(values),
    passwords: passwordsOf(values),
    lockout: {
      attempts: values.LOCKOUT_ATTEMPTS,
      window: values.LOCKOUT_WINDOW_MINUTES * 60,
      duration: values.LOCKOUT_MINUTES * 60,
      maxDuration: values.LOCKOUT_MAX_MINUTES * 60,
    },
    rateLimit: values.RATE_LIMIT,
    audit: {
      checkpointFile: path(values.AUDIT_CHECKPOINT_FILE),
      checkpointUrl: values.AUDIT_CHECKPOINT_URL,
      retentionDays: values.AUDIT_RETENTION_DAYS,
    },
    brand: { name: values.BRAND_NAME, color: values.BRAND_COLOR, logoUrl: values.BRAND_LOGO_URL },
    redisUrl: located(values.REDIS_URL, folder),
    logLevel: values.LOG_LEVEL,
  };
  return deepFreeze(config);
}

/** The part of the configuration that a migration needs, built from the variables of the database alone. */
export function assembleDatabase(values: DatabaseValues, folder: string): DatabaseConfig {
  const authority = values.DB_SSLROOTCERT === null ? null : resolve(folder, values.DB_SSLROOTCERT);
  return {
    dataDir: resolve(folder, values.DATA_DIR),
    database: {
      url: located(values.DATABASE_URL, folder) ?? urlOfParts(values, authority),
      poolMax: values.DB_POOL_MAX,
      prepare: values.DB_PREPARE,
      migrateOnStart: values.MIGRATE_ON_START,
      migrateUrl: located(values.MIGRATE_DATABASE_URL, folder),
    },
  };
}

const located = (url: string | null, folder: string) =>
  url === null ? null : withAbsoluteFiles(url, folder);

function urlOfParts(values: DatabaseValues, authority: string | null): string | null {
  const { DB_HOST: host, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD, DB_SSLMODE } = values;
  if (host === null) return null;
  const encoded = (part: string | null) => encodeURIComponent(part ?? '');
  // The driver decodes a path with decodeURI, which leaves encoded reserved characters as they are.
  const database = encodeURI(DB_NAME ?? '');
  const who = `${encoded(DB_USER)}:${encoded(DB_PASSWORD)}`;
  // As in libpq, a folder means a unix socket, where TLS has no part.
  if (host.startsWith('/')) {
    return `postgres://${who}@/${database}?host=${encoded(host)}&port=${DB_PORT}`;
  }
  const tls = [
    ...(DB_SSLMODE === null ? [] : [`sslmode=${DB_SSLMODE}`]),
    ...(authority === null ? [] : [`sslrootcert=${encoded(authority)}`]),
  ];
  const query = tls.length === 0 ? '' : `?${tls.join('&')}`;
  const at = host.includes(':') ? `[${host}]` : host;
  return `postgres://${who}@${at}:${DB_PORT}/${database}${query}`;
}

function smsOf(values: Values): Config['sms'] {
  return {
    webhook: together({ url: values.SMS_WEBHOOK_URL, secret: values.SMS_WEBHOOK_SECRET }),
    twilio: together({
      accountSid: values.TWILIO_ACCOUNT_SID,
      authToken: values.TWILIO_AUTH_TOKEN,
      from: values.TWILIO_FROM,
    }),
    countries: values.SMS_COUNTRIES,
  };
}

function signInOf(
  values: Values,
): Pick<
  Config,
  | 'google'
  | 'oidcProviders'
  | 'redirectUris'
  | 'bootstrap'
  | 'requireVerifiedEmail'
  | 'signInByMail'
  | 'passkeys'
> {
  return {
    google: {
      clientIds: values.GOOGLE_CLIENT_ID ?? [],
      clientSecret: values.GOOGLE_CLIENT_SECRET,
      issuer: values.GOOGLE_ISSUER,
    },
    oidcProviders: values.OIDC_PROVIDERS,
    redirectUris: values.REDIRECT_URIS,
    bootstrap: together({
      adminEmail: values.BOOTSTRAP_ADMIN_EMAIL,
      adminPassword: values.BOOTSTRAP_ADMIN_PASSWORD,
    }),
    requireVerifiedEmail: values.REQUIRE_VERIFIED_EMAIL,
    signInByMail: values.SIGN_IN_BY_MAIL,
    passkeys: { rpId: values.WEBAUTHN_RP_ID, origins: values.WEBAUTHN_ORIGINS },
  };
}

function passwordsOf(values: Values): Config['passwords'] {
  return {
    minLength: values.PASSWORD_MIN_LENGTH,
    maxLength: values.PASSWORD_MAX_LENGTH,
    require: values.PASSWORD_REQUIRE,
    blocklist: values.PASSWORD_BLOCKLIST,
    breachCheckUrl: values.PASSWORD_BREACH_CHECK_URL,
    maxAgeDays: values.PASSWORD_MAX_AGE_DAYS,
    history: values.PASSWORD_HISTORY,
    hash: values.PASSWORD_HASH,
    bcryptCost: values.BCRYPT_COST,
    argon2MemoryKib: values.ARGON2_MEMORY_KIB,
    argon2Passes: values.ARGON2_PASSES,
    queueMax: values.HASH_QUEUE_MAX,
  };
}

type Present<Parts> = { readonly [Key in keyof Parts]: NonNullable<Parts[Key]> };

// All of the parts or null: the rules have already refused anything in between.
function together<Parts extends Record<string, string | null>>(parts: Parts): Present<Parts> | null {
  return Object.values(parts).includes(null) ? null : (parts as Present<Parts>);
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member as object);
  }
  return Object.freeze(value);
}
