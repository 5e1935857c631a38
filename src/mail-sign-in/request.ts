import type { Account } from '../accounts/account.ts';
import { findAccountByAddress } from '../accounts/find.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { toldName } from '../accounts/told-name.ts';
import { anonymous, recordEvent } from '../audit/record.ts';
import { issueCode } from '../challenges/issue.ts';
import { withinQuota } from '../challenges/quota.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { hideCost } from '../platform/pace.ts';
import { Problem } from '../platform/problems.ts';
import { type DeviceClaim, findKnownDevice } from '../throttle/devices.ts';
import { encodeRequestToken, SIGN_IN_LIFETIME } from './request-token.ts';

// So that nobody can flood a mailbox through us. It also bounds guessing: five codes of five tries each against a million.
const MAILS_AN_HOUR = 5;

export interface SignInRequest {
  /** For the browser that asked, and nobody else. */
  readonly token: string;
  readonly expiresAt: Date;
}

/** Refuses with `feature_disabled` unless SIGN_IN_BY_MAIL is on. */
export function requireSignInByMail({ config }: Pick<Deps, 'config'>): void {
  if (!config.signInByMail) throw new Problem('feature_disabled');
}

/**
 * Mails a link and a six-digit code, which sign in once, within ten minutes, in the browser that asked. An address that
 * nobody has, or whose account is disabled or was mailed enough this hour, gets the same answer in the same time, for a
 * request that no code answers. Devices that the account knows are counted apart: the mails of a stranger's requests are of
 * no use to the owner, who could otherwise be kept out with them. Refuses with `feature_disabled`.
 */
export async function requestSignIn(
  deps: Deps,
  caller: Caller,
  { email, devices }: { email: string; devices: readonly DeviceClaim[] },
): Promise<SignInRequest> {
  requireSignInByMail(deps);
  const { address } = normalizeEmail(email);
  return hideCost(async () => {
    const { db, secrets } = deps;
    const account = await findAccountByAddress(db, address);
    const device = account === null ? null : await findKnownDevice(db, account.id, devices);
    // One lane for all of them: whoever made an account with a stranger's address has as many as they like.
    const lane = { known: device !== null };
    return db.transaction(async tx => {
      const reason = await reasonAgainst(deps, tx, { account, address, lane });
      const known = reason === null ? account : null;
      const { id, code, expiresAt } = await issueCode(deps, tx, {
        purpose: 'sign-in',
        userId: known?.id ?? null,
        sentTo: known?.email ?? address,
        data: lane,
        lifetime: SIGN_IN_LIFETIME,
      });
      if (known !== null) {
        await enqueueMail(deps, tx, {
          template: 'sign-in',
          to: known.email,
          userId: known.id,
          params: toldName(known),
          secrets: { code, token: linkToken(id, code) },
          expiresAt,
        });
      }
      await recordEvent(deps, tx, {
        type: 'login.mailed',
        outcome: reason === null ? 'success' : 'refusal',
        ...(reason !== null && { reason }),
        actor: anonymous,
        userId: account?.id ?? null,
        caller,
        personal: { email: address },
      });
      return { token: encodeRequestToken(secrets, id), expiresAt };
    });
  });
}

async function reasonAgainst(
  deps: Deps,
  tx: Tx,
  { account, address, lane }: { account: Account | null; address: string; lane: { readonly known: boolean } },
): Promise<string | null> {
  const turn = await withinQuota(deps, tx, {
    purpose: 'sign-in',
    userId: account?.id ?? null,
    address,
    limit: MAILS_AN_HOUR,
    data: lane,
    busy: 'pass',
  });
  if (account === null) return 'unknown_address';
  if (account.disabled_at !== null) return 'account_disabled';
  return turn ? null : 'too_many_mails';
}

/** What the link carries: the code, and which request it answers. Worth nothing without the request's own token. */
function linkToken(id: string, code: string): string {
  return `${id}.${code}`;
}

/** The request and the code of a link; null for anything else. */
export function readLinkToken(token: string): { id: string; code: string } | null {
  const [, id, code] = /^([\da-f-]{36})\.(\d{6})$/.exec(token) ?? [];
  return id === undefined || code === undefined ? null : { id, code };
}
