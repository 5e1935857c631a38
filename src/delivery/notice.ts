import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Secrets } from '../platform/secrets.ts';
import { uuidBytes } from '../platform/uuid.ts';
import { findMessage } from './queries.ts';

/** How long "this was not me" can be said, in seconds: as long as an address change can be undone. */
export const NOTICE_LIFETIME = 72 * 3600;

/** A security notice whose receiver says that somebody else did what it reports. */
export interface Notice {
  readonly id: string;
  readonly userId: string;
  readonly template: string;
  /** The address that it was sent to: whoever brings its token has read that mailbox. */
  readonly sentTo: string;
  readonly createdAt: Date;
}

/**
 * The token behind "this was not me" in a notice: the id of its row and an HMAC of that id. Nothing is stored for it, and
 * whoever takes over the account cannot void it.
 */
export function noticeToken(secrets: Secrets, id: string): string {
  const bytes = uuidBytes(id);
  return Buffer.concat([bytes, secrets.mac('notice', bytes)]).toString('base64url');
}

/** The notice that a token belongs to, for 72 hours after it was written; null for any other token. Does not spend the token. */
export async function findNotice(
  { clock, secrets }: Pick<Deps, 'clock' | 'secrets'>,
  db: Sql,
  token: string,
): Promise<Notice | null> {
  if (!/^[\w-]{64}$/.test(token)) return null;
  const bytes = Buffer.from(token, 'base64url');
  const id = bytes.subarray(0, 16);
  if (!secrets.verifyMac('notice', id, bytes.subarray(16))) return null;
  return findMessage(db, id.toString('hex'), addSeconds(clock.now(), -NOTICE_LIFETIME));
}
