import type { Account } from '../accounts/account.ts';

/** A first factor that was proven: whose it is, how it was proven, and what is still to be asked. */
export interface FirstFactor {
  readonly account: Account;
  /** How it was proven (RFC 8176): `pwd`, `fed`, `hwk`, … */
  readonly amr: readonly string[];
  /** The lane whose attempts the proof drew on; null for a proof that cannot be guessed. */
  readonly subject: Buffer | null;
  /** The known device that the proof came with. */
  readonly deviceId: string | null;
  /** The password must be replaced before a session may start. */
  readonly passwordExpired?: boolean;
  /**
   * When the password that was proven was set; null if none was proven. Nobody is let in once that password has been replaced
   * or removed, even if that happened while its hash was being checked.
   */
  readonly passwordSetAt?: Date | null;
  /**
   * The passkey that was proven, or what answered as second factor. Nobody is let in once it has been removed, for instance by
   * whoever claimed the mailbox.
   */
  readonly factorId?: string;
  /** The identity that a provider vouched for. Nobody is let in once it has been removed. */
  readonly identity?: { readonly issuer: string; readonly subject: string };
  /** The mailbox that was proven. Nobody is let in once the account has another address, as after an undone change. */
  readonly mailbox?: string;
}
