import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Fragment } from '../platform/sql.ts';
import { type Challenge, hashToken, isToken, type Purpose } from './challenge.ts';
import {
  consuming,
  findEveryOpen,
  findNewestOpen,
  findOpen,
  removing,
  takeOne,
  voidOf,
  voidOpen,
} from './queries.ts';

type ClockDeps = Pick<Deps, 'clock'>;

/**
 * Spends a token: of N callers at once one gets the challenge, the others null, as for one expired or unknown. A transaction
 * that goes on to the account must find the challenge first, then lock the account, and spend only then: otherwise two links
 * of one account at once would each hold what the other voids.
 */
export async function consumeChallenge(
  deps: ClockDeps,
  tx: Sql,
  { purpose, token }: { purpose: Purpose; token: string },
): Promise<Challenge | null> {
  return isToken(token) ? tx.row(consuming(purpose, hashToken(token), deps.clock.now())) : null;
}

/**
 * The spending of a token as a `DELETE … RETURNING` for a CTE: for a challenge that holds a person's data but belongs to no
 * account, and so would outlive the account that comes of it. Null for text that cannot be a token.
 */
export function removal(
  { clock }: ClockDeps,
  { purpose, token }: { purpose: Purpose; token: string },
): Fragment | null {
  return isToken(token) ? removing(purpose, hashToken(token), clock.now()) : null;
}

/** The open challenge of a token; spends nothing, so a page may look before its form is sent. */
export async function findChallenge(
  { clock }: ClockDeps,
  db: Sql,
  { purpose, token }: { purpose: Purpose; token: string },
): Promise<Challenge | null> {
  return isToken(token) ? findOpen(db, purpose, hashToken(token), clock.now()) : null;
}

/** The newest open challenge of a person for one purpose: the one that a typed code answers. */
export function newestChallenge(
  { clock }: ClockDeps,
  db: Sql,
  { purpose, userId }: { purpose: Purpose; userId: string },
): Promise<Challenge | null> {
  return findNewestOpen(db, purpose, userId, clock.now());
}

/**
 * Counts one try at what a token stands for (a second factor, say) before it is checked, and returns the challenge;
 * null once `maxAttempts` were taken, however many come at once. A right try is followed by `consumeChallenge`.
 */
export async function takeTry(
  { clock }: ClockDeps,
  tx: Sql,
  { purpose, token, maxAttempts }: { purpose: Purpose; token: string; maxAttempts: number },
): Promise<Challenge | null> {
  return isToken(token) ? takeOne(tx, purpose, hashToken(token), maxAttempts, clock.now()) : null;
}

/** The open challenges of a person for one purpose. */
export function openChallenges(
  { clock }: ClockDeps,
  db: Sql,
  { purpose, userId }: { purpose: Purpose; userId: string },
): Promise<Challenge[]> {
  return findEveryOpen(db, purpose, userId, clock.now());
}

/** Voids a person's open challenges, of these purposes or of all, except `exceptIds`; returns how many there were. */
export function voidChallenges(
  { clock }: ClockDeps,
  tx: Sql,
  {
    userId,
    purposes = null,
    exceptIds = [],
  }: { userId: string; purposes?: readonly Purpose[] | null; exceptIds?: readonly string[] },
): Promise<number> {
  return voidOpen(tx, { userId, purposes, exceptIds, now: clock.now() });
}

/**
 * Voids open challenges of a purpose: the one with an id, or all that were sent to an address. Of N callers at once that
 * name the same id, one gets 1.
 */
export function voidSent(
  { clock }: ClockDeps,
  tx: Sql,
  { purpose, ...which }: { purpose: Purpose } & ({ id: string } | { sentTo: string }),
): Promise<number> {
  const id = 'id' in which ? which.id : null;
  const sentTo = 'sentTo' in which ? which.sentTo : null;
  return voidOf(tx, { purpose, id, sentTo, now: clock.now() });
}
