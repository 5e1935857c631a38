import type { Account } from '../accounts/account.ts';

/** A first factor that was proven: whose, how, and what it leaves to be asked. */
export interface FirstFactor {
  readonly account: Account;
  /** How it was proven (RFC 8176): `pwd`, `fed`, `hwk`, … */
  readonly amr: readonly string[];
  /** The lane of failures that the proof drew on; null where it could not be guessed. */
  readonly subject: Buffer | null;
  /** The known device that the proof came with. */
  readonly deviceId: string | null;
  /** The password must be replaced before a session may start. */
  readonly passwordExpired?: boolean;
  /**
   * When the password that was proven was set. Nobody is let in once it has been replaced or removed, even while its hash
   * was being checked; null where no password was proven.
   */
  readonly passwordSetAt?: Date | null;
  /** The passkey that was proven. Nobody is let in once it has been removed, as by whoever claimed the mailbox. */
  readonly passkeyId?: string;
  /** The identity that a provider vouched for; the same. */
  readonly identity?: { readonly issuer: string; readonly subject: string };
  /** The mailbox that was proven. Nobody is let in once the account has another address, as when its change was undone. */
  readonly mailbox?: string;
}
