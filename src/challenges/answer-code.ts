import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { readUuid } from '../platform/uuid.ts';
import type { Challenge, Purpose } from './challenge.ts';
import { boundCode } from './issue.ts';
import { answerOne } from './queries.ts';

/** This many wrong answers burn the code. */
const MAX_ATTEMPTS = 5;

/**
 * Answers a six-digit code: the challenge when it is right (once), 'wrong' when it is not, 'gone' when it was used,
 * burnt by the fifth wrong answer, voided, expired or never there. Concurrent wrong answers are each counted (ASVS 6.6.3).
 */
export async function answerCode(
  { clock, secrets }: Pick<Deps, 'clock' | 'secrets'>,
  tx: Sql,
  { purpose, id, code }: { purpose: Purpose; id: string; code: string },
): Promise<Challenge | 'wrong' | 'gone'> {
  const challengeId = readUuid(id);
  if (challengeId === null) return 'gone';
  const hashes = secrets.macs('challenge', boundCode(purpose, challengeId, code.replace(SPACES, '')));
  const answered = await answerOne(tx, {
    id: challengeId,
    purpose,
    hashes,
    maxAttempts: MAX_ATTEMPTS,
    now: clock.now(),
  });
  if (answered === null) return 'gone';
  const { right, ...challenge } = answered;
  return right ? challenge : 'wrong';
}

// People copy codes as "123 456".
const SPACES = /[\s-]/g;
