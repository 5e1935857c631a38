import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';

/** A refresh token that is presented, and not answered yet. */
interface Try {
  readonly since: Date;
  /** When a caller was told that this service does not know: the rotation may have been committed all the same. */
  unansweredAt: Date | null;
}

const KEPT = 10_000;
const tries = new WeakMap<Deps['db'], Map<string, Try>>();

/**
 * Runs `work` with the moment since when the holder of a refresh token has tried: a retry is one with the try before it,
 * where that is still under way, or was left unanswered less than the grace ago, as with a database that froze in the middle
 * of a commit. Without that, whoever waits it out longer than the grace would be taken for a thief. Of this process alone.
 * With its answer a try is over, so that repeats, one after the other, never make the grace longer.
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
    own = { since: now, unansweredAt: null };
    if (open.size >= KEPT) open.delete(open.keys().next().value as string);
    open.set(name, own);
  }
  const answered = () => own.unansweredAt === null && open.get(name) === own && open.delete(name);
  try {
    const result = await work(own.since);
    answered();
    return result;
  } catch (error) {
    if (isAnswer(error)) answered();
    else {
      own.unansweredAt = clock.now();
      open.set(name, own);
    }
    throw error;
  }
}

const isOver = ({ unansweredAt }: Try, now: Date, grace: number) =>
  unansweredAt !== null && now >= addSeconds(unansweredAt, grace);
