import { sha256 } from '../platform/digest.ts';

/** What a one-time secret is for. A secret of one purpose never answers for another. */
export type Purpose =
  | 'signup'
  | 'verify-email'
  | 'change-email'
  | 'undo-email-change'
  | 'reset-password'
  | 'mfa'
  | 'sms-enrol'
  | 'sms-login'
  | 'remove-password'
  | 'oauth-code'
  | 'oauth-state'
  | 'link-identity'
  | 'invitation'
  | 'sign-in'
  | 'passkey'
  | 'notice';

/** A one-time secret as its owner's verb sees it; the secret itself is not in it. */
export interface Challenge {
  readonly id: string;
  readonly purpose: Purpose;
  readonly userId: string | null;
  /** The address or number that the secret was sent to: a proof of that mailbox, and of no other. */
  readonly sentTo: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** Answers taken so far, this one included. */
  readonly attempts: number;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** SHA-256 of a token: what is stored of it. */
export function hashToken(token: string): Buffer {
  return sha256(token);
}

/** False for text that cannot be one of our tokens (32 bytes in base64url, unpadded), so that it costs no query. */
export function isToken(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}
