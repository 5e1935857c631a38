export type PasswordClass = 'lower' | 'upper' | 'digit' | 'symbol' | 'digit_or_symbol';
export type Algorithm = 'HS256' | 'HS384' | 'HS512' | 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** Whether tokens are signed with the shared JWT_SECRET_KEY rather than with a key pair. */
export function isSymmetric(algorithm: string): boolean {
  return algorithm.startsWith('HS');
}

/** The whole configuration: read once at start, frozen, handed down. Durations are in seconds. */
export interface Config {
  readonly dataDir: string;
  readonly database: {
    /** null: the embedded server under `dataDir`. */
    readonly url: string | null;
    readonly poolMax: number;
    readonly prepare: boolean;
    readonly migrateOnStart: boolean;
    /** null: the service's own. */
    readonly migrateUrl: string | null;
  };
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Without a trailing slash; also `iss`. */
    readonly publicUrl: string;
    readonly appUrl: string;
    readonly corsOrigins: readonly string[];
    readonly trustProxy: number | readonly string[] | null;
    readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
    /** null: the metrics cannot be read from beyond the private network. */
    readonly metricsToken: string | null;
  };
  readonly secrets: { readonly root: string | null; readonly previousRoots: readonly string[] };
  readonly tokens: {
    readonly algorithm: Algorithm;
    /** null: made once under `dataDir` (embedded database only). */
    readonly jwtSecret: string | null;
    readonly previousJwtSecrets: readonly string[];
    readonly audience: string;
    readonly accessLifetime: number;
    /** Signing keys older than this get a successor; 0: only by command. */
    readonly keyRotationAge: number;
  };
  readonly sessions: {
    readonly idleLifetime: number;
    readonly maxAge: number;
    readonly reuseGrace: number;
    readonly reauthAge: number;
  };
  readonly mail: { readonly smtpUrl: string | null; readonly from: string };
  readonly sms: {
    readonly webhook: { readonly url: string; readonly secret: string } | null;
    readonly twilio: {
      readonly accountSid: string;
      readonly authToken: string;
      readonly from: string;
    } | null;
    /** ISO 3166-1 alpha-2 codes; null: all. */
    readonly countries: readonly string[] | null;
  };
  readonly google: {
    readonly clientIds: readonly string[];
    readonly clientSecret: string | null;
    readonly issuer: string;
  };
  readonly oidcProviders: readonly OidcProvider[];
  readonly redirectUris: readonly string[];
  readonly bootstrap: { readonly adminEmail: string; readonly adminPassword: string } | null;
  readonly requireVerifiedEmail: boolean;
  readonly signInByMail: boolean;
  /** What passkeys are bound to (Web Authentication §5.1.2, §13.4.9). */
  readonly passkeys: { readonly rpId: string; readonly origins: readonly string[] };
  readonly passwords: {
    readonly minLength: number;
    readonly maxLength: number;
    readonly require: readonly PasswordClass[];
    readonly blocklist: boolean;
    readonly breachCheckUrl: string | null;
    /** 0: never. */
    readonly maxAgeDays: number;
    readonly history: number;
    readonly hash: 'bcrypt' | 'argon2id';
    readonly bcryptCost: number;
    readonly argon2MemoryKib: number;
    readonly argon2Passes: number;
    readonly queueMax: number;
  };
  readonly lockout: {
    /** 0: off. */
    readonly attempts: number;
    readonly window: number;
    readonly duration: number;
    readonly maxDuration: number;
  };
  /** 'off' also switches off resend cooldowns. A record overrides the points per window of individual groups. */
  readonly rateLimit: 'on' | 'off' | Readonly<Record<string, RateOverride>>;
  readonly audit: {
    /** Each signed checkpoint is appended here (AUDIT_CHECKPOINT_FILE). */
    readonly checkpointFile: string | null;
    /** Each signed checkpoint is POSTed here as JSON (AUDIT_CHECKPOINT_URL). */
    readonly checkpointUrl: string | null;
    /** Whole months older than this are dropped (AUDIT_RETENTION_DAYS); 0: never. */
    readonly retentionDays: number;
  };
  /** How the hosted pages look. */
  readonly brand: {
    /** null: the name in MAIL_FROM. */
    readonly name: string | null;
    /** `#rrggbb`. */
    readonly color: string;
    /** A path on this origin or a `data:` URL. */
    readonly logoUrl: string | null;
  };
  readonly redisUrl: string | null;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

export interface RateOverride {
  readonly points: number;
  /** Length of the window; the group's own where left out. */
  readonly seconds?: number;
}

export interface OidcProvider {
  readonly id: string;
  readonly name: string;
  /** Which provider's special rules apply; where left out, the issuer decides. */
  readonly type?: 'oidc' | 'google' | 'microsoft' | 'github' | 'apple';
  readonly issuer: string;
  readonly client_id: string;
  readonly client_secret: string;
  readonly scopes?: readonly string[];
  readonly allowed_domains?: readonly string[];
  readonly allowed_tenants?: readonly string[];
  /** Client ids of mobile programs whose ID tokens are accepted too. */
  readonly audiences?: readonly string[];
  /** Apple: the client_secret is the text of the .p8 key, and these name it. */
  readonly team_id?: string;
  readonly key_id?: string;
}
