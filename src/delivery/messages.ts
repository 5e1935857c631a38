/** From where and which device an event came, as a notice tells it. Never shown raw: a user agent is anybody's free text. */
interface Where {
  readonly ip?: string;
  readonly userAgent?: string;
  /** When it happened; if left out, when the message was written. */
  readonly at?: string;
}

/** For the greeting; left out while the mailbox is unproven, so that nobody can mail strangers a text of their choosing. */
interface Name {
  readonly name?: string;
}

interface NewAddress {
  /**
   * Left out if the notice goes to an unproven mailbox: otherwise whoever chose the new address could have us mail it to
   * anybody.
   */
  readonly newEmail?: string;
}

/** Opens the page "this was not me". Made by the outbox itself for a message that has a `userId`: see notice.ts. */
interface NotMe {
  readonly notMeToken?: string;
}

/** What lets somebody into the account besides its password. */
export interface WaysLeft {
  readonly passkeys: number;
  readonly identities: number;
}

type Factor = 'totp' | 'sms' | 'passkey';

/**
 * Every mail that the service sends, with what it is told. `params` lie readable in the outbox until delivery; every
 * token and code belongs in `secrets`, which are sealed.
 */
export interface Mails {
  'verify-email': { params: object; secrets: { token: string } };
  /** Somebody signed up with an address that has an account. */
  'email-taken': { params: object; secrets: object };
  'reset-password': { params: Name; secrets: { token: string } };
  'password-changed': { params: Name & Where & { left?: WaysLeft }; secrets: NotMe };
  'password-removed': { params: Name & Where; secrets: NotMe };
  /** To the new address. */
  'email-change-confirm': { params: object; secrets: { token: string } };
  /** To the old address, when the change is asked for; the token undoes it. */
  'email-change-notice': { params: Name & Where & NewAddress; secrets: { token: string } & NotMe };
  /** To the old address, when the change has happened; the token undoes it for 72 hours. */
  'email-changed': { params: Name & Where & NewAddress; secrets: { token: string } & NotMe };
  'new-device': { params: Name & Where; secrets: NotMe };
  'account-locked': { params: Name & Where & { until: string }; secrets: NotMe };
  'refresh-token-theft': { params: Name & Where; secrets: NotMe };
  'factor-added': { params: Name & Where & { factor: Factor }; secrets: NotMe };
  'factor-removed': { params: Name & Where & { factor: Factor }; secrets: NotMe };
  /** A signature counter went back, and the passkey was refused (Web Authentication §7.2). */
  'passkey-copied': { params: Name & Where & { addedAt: string }; secrets: NotMe };
  'recovery-codes-regenerated': { params: Name & Where; secrets: NotMe };
  'recovery-code-used': { params: Name & Where & { left: number }; secrets: NotMe };
  /** With a token the link removes the password that was set before the identity was linked. */
  'identity-linked': { params: Name & Where & { provider: string }; secrets: { token?: string } & NotMe };
  'identity-unlinked': { params: Name & Where & { provider: string }; secrets: NotMe };
  invitation: { params: { invitedBy?: string }; secrets: { token: string } };
  /** A link and a six-digit code. */
  'sign-in': { params: Name; secrets: { token: string; code: string } };
  /** An administrator removes lost factors at `at`, unless the owner objects. */
  'mfa-removal-scheduled': { params: { at: string }; secrets: NotMe };
  'account-closed': { params: Name; secrets: object };
}

export type MailTemplate = keyof Mails;

/** Every text message, with what it is told. */
export interface Texts {
  'sms-login': { params: object; secrets: { code: string } };
  'sms-enrol': { params: object; secrets: { code: string } };
}

export type TextTemplate = keyof Texts;
