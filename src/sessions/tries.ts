import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';

/** A refresh token that is presented, and not answered yet. */
interface Try {
  readonly since: Date;
  underWay: number;
  /** When a caller was told that this service does not know: the rotation may have been committed all the same. */
  unansweredAt: Date | null;
}

const KEPT = 10_000;
const tries = new WeakMap<Deps['db'], Map<string, Try>>();

/**
 * Runs `work` with the moment since when the holder of a refresh token has tried: a retry is one with the try before it,
 * where that is still under way, or was left unanswered less than the grace ago, as with a database that froze in the middle
 * of a commit. Without that, whoever waits it out longer than the grace would be taken for a thief. Of this process alone.
 */
export async function withTry<T>(
  { db, clock, config }: Pick<Deps, 'db' | 'clock' | 'config'>,
  name: string,
  { work, isAnswer }: { work: (since: Date) => Promise<T>; isAnswer: (error: unknown) => boolean },
): Promise<T> {
  let open = tries.get(db);
  if (open === undefined) tries.set(db, (open = new Map()));
  const now = clock.now();
  let own = open.get(name);
  if (own === undefined || isOver(own, now, config.sessions.reuseGrace)) {
    own = { since: now, underWay: 0, unansweredAt: null };
    if (open.size >= KEPT) open.delete(open.keys().next().value as string);
    open.set(name, own);
  }
  own.underWay += 1;
  try {
    const result = await work(own.since);
    own.unansweredAt = null;
    return result;
  } catch (error) {
    own.unansweredAt = isAnswer(error) ? null : clock.now();
    throw error;
  } finally {
    own.underWay -= 1;
    if (own.underWay === 0 && own.unansweredAt === null && open.get(name) === own) open.delete(name);
  }
}

const isOver = ({ underWay, unansweredAt }: Try, now: Date, grace: number) =>
  underWay === 0 && unansweredAt !== null && now >= addSeconds(unansweredAt, grace);
