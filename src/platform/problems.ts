// Not imported, since that would also load the HTTP client behind fetch, a quarter of a small start.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

interface Definition {
  readonly status: number;
  /** A sentence for a person; also `detail`, which the original's clients show. */
  readonly message: string;
  /** The RFC 6749 §5.2 word that OAuth endpoints add as `error`. */
  readonly oauth?: string;
}

/**
 * Every refusal of the service: its stable code, its status and its sentence. The OpenAPI document and docs/errors.md
 * are made from this table.
 */
export const problems = {
  // Requests that cannot be read
  malformed_request: { status: 400, message: 'The request could not be read.', oauth: 'invalid_request' },
  payload_too_large: { status: 413, message: 'The request body is too large.', oauth: 'invalid_request' },
  unsupported_media_type: {
    status: 415,
    message: 'Send the body as application/json.',
    oauth: 'invalid_request',
  },
  validation_failed: {
    status: 422,
    message: 'Some members of the request are not valid.',
    oauth: 'invalid_request',
  },
  not_found: { status: 404, message: 'There is nothing here.' },
  method_not_allowed: {
    status: 405,
    message: 'This address does not support the method. See the Allow header.',
  },
  feature_disabled: { status: 404, message: 'This feature is switched off on this server.' },

  // Who calls
  not_authenticated: { status: 401, message: 'Not authenticated' },
  invalid_token: { status: 401, message: 'Could not validate credentials', oauth: 'invalid_token' },
  token_expired: { status: 401, message: 'The access token has expired.', oauth: 'invalid_token' },
  token_revoked: { status: 401, message: 'Token has been revoked', oauth: 'invalid_token' },
  account_disabled: { status: 401, message: 'This account is disabled.', oauth: 'invalid_token' },
  user_required: { status: 403, message: 'Only users can call this; a service client cannot.' },
  permission_denied: {
    status: 403,
    message: 'You lack the permission that this requires.',
    oauth: 'insufficient_scope',
  },
  reauthentication_required: {
    status: 401,
    message: 'Confirm that it is you: log in again, or call POST /token/reauthenticate.',
  },
  grant_exceeds_own: { status: 403, message: 'You cannot grant a permission that you do not hold.' },
  target_outranks_caller: { status: 403, message: 'The account holds a permission that you lack.' },

  // Registration
  email_taken: { status: 400, message: 'Email already registered' },
  signup_not_found: {
    status: 400,
    message: 'No sign-up is in progress for this address. Start again with POST /signup.',
  },
  invalid_google_token: { status: 401, message: 'Invalid Google token' },
  provider_unavailable: {
    status: 503,
    message: 'The identity provider cannot be reached. Try again shortly.',
  },
  invitation_not_found: { status: 404, message: 'There is no such invitation.' },
  invitation_invalid: { status: 400, message: 'This invitation is no longer valid.' },

  // Tokens
  invalid_credentials: { status: 401, message: 'Incorrect username or password', oauth: 'invalid_grant' },
  mfa_required: { status: 401, message: 'A second factor is required.', oauth: 'mfa_required' },
  invalid_mfa_token: {
    status: 401,
    message: 'This sign-in has expired. Log in again.',
    oauth: 'invalid_grant',
  },
  invalid_mfa_code: { status: 401, message: 'The code is not valid.', oauth: 'invalid_grant' },
  invalid_sign_in_code: {
    status: 401,
    message: 'The code or link is no longer valid. Ask for a new one.',
    oauth: 'invalid_grant',
  },
  email_not_verified: { status: 403, message: 'Confirm your email address first.', oauth: 'invalid_grant' },
  password_expired: {
    status: 403,
    message: 'Your password has expired. Choose a new one.',
    oauth: 'invalid_grant',
  },
  too_many_attempts: { status: 429, message: 'Too many attempts. Try again later.', oauth: 'slow_down' },
  rate_limited: { status: 429, message: 'Too many requests. Try again later.', oauth: 'slow_down' },
  refresh_token_required: { status: 400, message: 'Refresh token is required', oauth: 'invalid_request' },
  invalid_refresh_token: { status: 401, message: 'Invalid refresh token', oauth: 'invalid_grant' },
  refresh_token_reused: {
    status: 401,
    message: 'This refresh token was used before; its session has been ended.',
    oauth: 'invalid_grant',
  },
  invalid_client: { status: 401, message: 'The client could not be authenticated.', oauth: 'invalid_client' },
  unsupported_grant_type: {
    status: 400,
    message: 'grant_type must be password or client_credentials.',
    oauth: 'unsupported_grant_type',
  },
  device_not_found: { status: 404, message: 'There is no such device.' },
  session_not_found: { status: 404, message: 'There is no such session.' },

  // Accounts
  form_refused: {
    status: 403,
    message: 'This form is too old, or was not sent from our own page. Go back, reload it and try again.',
  },
  user_not_found: { status: 404, message: 'There is no such user.' },
  username_taken: { status: 409, message: 'This username is taken.' },
  address_taken: { status: 409, message: 'This address belongs to another account.' },
  last_administrator: { status: 409, message: 'This is the last administrator. Appoint another one first.' },

  // Passwords and addresses
  passwords_differ: { status: 400, message: 'Passwords do not match' },
  invalid_reset_token: { status: 400, message: 'Invalid or expired reset token', oauth: 'invalid_grant' },
  invalid_verification_token: { status: 404, message: 'Invalid verification token' },
  wrong_password: { status: 400, message: 'The current password is wrong.' },
  invalid_link: { status: 400, message: 'This link is no longer valid.' },
  no_password: { status: 409, message: 'This account has no password. Ask for a reset link to set one.' },
  already_verified: { status: 409, message: 'This address is already verified.' },

  // Authorization
  role_not_found: { status: 404, message: 'There is no such role.' },
  role_exists: { status: 409, message: 'A role with this name already exists.' },
  role_built_in: { status: 409, message: 'A built-in role cannot be removed or emptied.' },
  permission_not_found: { status: 404, message: 'There is no such permission.' },
  permission_exists: { status: 409, message: 'A permission with this name already exists.' },
  permission_limit_reached: {
    status: 409,
    message:
      "The names of all permissions are as long as an administrator's token can hold. Remove one first.",
  },
  permission_built_in: { status: 409, message: 'A built-in permission cannot be removed.' },
  client_not_found: { status: 404, message: 'There is no such client.' },
  client_exists: { status: 409, message: 'A client with this name already exists.' },

  // Factors
  removal_not_found: { status: 404, message: 'No removal of your factors is planned.' },
  factor_not_found: { status: 404, message: 'There is no such factor.' },
  factor_exists: { status: 409, message: 'This factor is already set up. Remove it first.' },
  factor_required: { status: 409, message: 'Your role requires a second factor; this is the last one.' },
  passkey_limit_reached: {
    status: 409,
    message: 'The account has as many passkeys as it can have. Remove one first.',
  },
  passkey_refused: {
    status: 401,
    message: 'The passkey was not accepted. Try again, or use another way in.',
    oauth: 'invalid_grant',
  },
  sms_budget_spent: { status: 429, message: 'No more text messages can be sent for now.' },
  phone_not_allowed: { status: 400, message: 'Text messages cannot be sent to this number.' },

  // Federation
  provider_not_found: { status: 404, message: 'There is no such provider.' },
  redirect_not_allowed: { status: 400, message: 'This redirect_uri is not on the allow-list.' },
  invalid_authorization_code: { status: 400, message: 'The code is not valid.', oauth: 'invalid_grant' },
  invalid_sign_in: {
    status: 400,
    message: 'This sign-in has expired, or was started in another browser. Start it again.',
    oauth: 'invalid_request',
  },
  invalid_id_token: { status: 401, message: 'The ID token is not valid.', oauth: 'invalid_grant' },
  provider_account_refused: {
    status: 403,
    message: 'Accounts of this organization cannot sign in here.',
    oauth: 'access_denied',
  },
  identity_taken: { status: 409, message: 'This account at the provider is linked to another person.' },
  identity_linking_refused: {
    status: 409,
    message: 'The provider has not verified your address. Verify it there, or sign up with a password.',
  },
  identity_not_found: { status: 404, message: 'There is no such linked identity.' },
  last_way_in: { status: 409, message: 'This is the only way into the account. Add another one first.' },

  // The service itself
  overloaded: { status: 503, message: 'The server is busy. Try again in a moment.' },
  database_unavailable: { status: 503, message: 'The database cannot be reached. Try again in a moment.' },
  not_ready: { status: 503, message: 'The service is not ready.' },
  internal_error: { status: 500, message: 'Something went wrong on our side.', oauth: 'server_error' },
} as const satisfies Record<string, Definition>;

export type ProblemCode = keyof typeof problems;

/** One member that is not valid, in FastAPI's shape. The rejected value is never carried. */
export interface Issue {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

export interface ProblemOptions {
  readonly cause?: unknown;
  /** Whole seconds until a retry may succeed; sent as `Retry-After`. */
  readonly retryAfter?: number;
  /** What is wrong with which member; only for 422. */
  readonly issues?: readonly Issue[];
  /** More members of the answer, such as `mfa_token`. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** A sentence for this case, in place of the code's own. */
  readonly message?: string;
  /** The original's `detail`, where its clients look for those words and `message` says more. */
  readonly detail?: string;
}

/** A refusal that the caller can do something about. Thrown by a verb; turned into an answer in one place. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly oauth: string | undefined;
  readonly retryAfter: number | undefined;
  readonly issues: readonly Issue[] | undefined;
  readonly detail: string | readonly Issue[];
  readonly members: Readonly<Record<string, unknown>>;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    const definition: Definition = problems[code];
    super(options.message ?? definition.message, { cause: options.cause });
    this.name = 'Problem';
    this.code = code;
    this.status = definition.status;
    this.oauth = definition.oauth;
    this.retryAfter = options.retryAfter ?? (definition.status === 503 ? 1 : undefined);
    this.issues = options.issues;
    this.detail = options.issues ?? options.detail ?? this.message;
    this.members = options.members ?? {};
  }
}

/** Whether what was thrown is the refusal with this code. */
export function isProblem(error: unknown, code: ProblemCode): error is Problem {
  return error instanceof Problem && error.code === code;
}

/** A 422 about one member: `invalid('password', 'password_too_short', '…')`. */
export function invalid(member: string, type: string, msg: string): Problem {
  return new Problem('validation_failed', { issues: [{ type, loc: ['body', member], msg }] });
}

/**
 * Runs all checks and returns their values. Where any throws a 422, one 422 with the issues of all is thrown, so that a form
 * shows all.
 */
export async function allValid<T extends readonly unknown[]>(
  ...checks: { readonly [K in keyof T]: () => T[K] | Promise<T[K]> }
): Promise<T> {
  const issues: Issue[] = [];
  const values: unknown[] = [];
  for (const check of checks) {
    try {
      values.push(await check());
    } catch (error) {
      if (!(error instanceof Problem) || error.issues === undefined) throw error;
      issues.push(...error.issues);
    }
  }
  if (issues.length > 0) throw new Problem('validation_failed', { issues });
  return values as unknown as T;
}

/** "Not Found" for 404. */
export function reasonPhrase(status: number): string {
  return STATUS_CODES[status] ?? String(status);
}
