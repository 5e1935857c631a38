import { addSeconds } from '../platform/clock.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Fragment } from '../platform/sql.ts';
import { hashToken, type Purpose } from './challenge.ts';
import { type ChallengeRow, insertChallenge } from './queries.ts';

export { type ChallengeRow, insertChallenge, lockPurpose } from './queries.ts';

export interface NewChallenge {
  readonly purpose: Purpose;
  /** A Fragment names a column of the statement that the insertion becomes part of. */
  readonly userId?: string | null | Fragment;
  readonly sentTo?: string | null | Fragment;
  /** Kept readable in the row: never a secret. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Seconds. */
  readonly lifetime: number;
}

export interface IssuedToken {
  readonly id: string;
  /** base64url of 32 random bytes; only its SHA-256 is stored. */
  readonly token: string;
  readonly expiresAt: Date;
}

export interface IssuedCode {
  readonly id: string;
  /** Six digits; only an HMAC bound to this challenge is stored. */
  readonly code: string;
  readonly expiresAt: Date;
}

/** Stores a new single-use secret of 256 random bits and returns it: the only time that it can be read. */
export async function issueChallenge(
  deps: Pick<Deps, 'clock' | 'random'>,
  tx: Sql,
  challenge: NewChallenge,
): Promise<IssuedToken> {
  const { row, issued } = prepareChallenge(deps, challenge);
  await tx.run(insertChallenge(row));
  return issued;
}

/** The same without the round trip: `insertChallenge(row)` is then spliced into a statement of the caller's. */
export function prepareChallenge(
  { clock, random }: Pick<Deps, 'clock' | 'random'>,
  challenge: NewChallenge,
): { row: ChallengeRow; issued: IssuedToken } {
  const token = random.bytes(32).toString('base64url');
  const row = rowOf(random.uuid(), challenge, hashToken(token), clock.now());
  return { row, issued: { id: row.id, token, expiresAt: row.expiresAt } };
}

/** Stores a new six-digit code for a person to type; `answerCode` checks it. */
export async function issueCode(
  { clock, random, secrets }: Pick<Deps, 'clock' | 'random' | 'secrets'>,
  tx: Sql,
  challenge: NewChallenge,
): Promise<IssuedCode> {
  const id = random.uuid();
  const code = random.digits(6);
  const row = rowOf(
    id,
    challenge,
    secrets.mac('challenge', boundCode(challenge.purpose, id, code)),
    clock.now(),
  );
  await tx.run(insertChallenge(row));
  return { id, code, expiresAt: row.expiresAt };
}

/** What a code's HMAC covers: a stolen one says nothing about another challenge with the same digits. */
export function boundCode(purpose: Purpose, id: string, code: string): string {
  return `code\0${purpose}\0${id}\0${code}`;
}

function rowOf(id: string, challenge: NewChallenge, secretHash: Buffer, now: Date): ChallengeRow {
  return {
    id,
    purpose: challenge.purpose,
    userId: challenge.userId ?? null,
    secretHash,
    sentTo: challenge.sentTo ?? null,
    data: challenge.data ?? {},
    createdAt: now,
    expiresAt: addSeconds(now, challenge.lifetime),
  };
}
