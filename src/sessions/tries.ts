import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';

/** A presented refresh token that has not been answered yet. */
interface Try {
  since: Date;
  /** When a caller last got an error in place of an answer: the rotation may have been committed all the same. */
  unansweredAt: Date | null;
}

/** What replicas tell each other about a try; sealed, so that whoever controls Redis cannot extend a stolen token's grace. */
interface Unanswered {
  readonly name: string;
  readonly since: number;
  readonly unansweredAt: number;
}

const KEPT = 10_000;
const CHANNEL = 'unanswered-tries';
const tries = new WeakMap<Deps['db'], Map<string, Try>>();

/**
 * Runs `work` with the moment when the holder of a refresh token began to try. A retry counts as one with the try before it if
 * that is still under way, or was left unanswered less than the grace ago, as when the database froze in the middle of a
 * commit; otherwise a holder who waited longer than the grace would be taken for a thief. Only this process knows of the tries
 * under way; every replica that listens (`listenForTries`) hears through Redis of those left unanswered. An answer ends the
 * try, so that one repeat after another never extends the grace.
 */
export async function withTry<T>(
  deps: Pick<Deps, 'db' | 'clock' | 'config' | 'cache' | 'secrets'>,
  name: string,
  { work, isAnswer }: { work: (since: Date) => Promise<T>; isAnswer: (error: unknown) => boolean },
): Promise<T> {
  const { db, clock, config, cache, secrets } = deps;
  const open = openTries(db);
  const now = clock.now();
  let own = open.get(name);
  if (own === undefined || isOver(own, now, config.sessions.reuseGrace)) {
    own = { since: now, unansweredAt: null };
    keep(open, name, own);
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
      const told: Unanswered = { name, since: own.since.getTime(), unansweredAt: own.unansweredAt.getTime() };
      await cache.broadcast(CHANNEL, secrets.seal(CHANNEL, JSON.stringify(told)).toString('base64url'));
    }
    throw error;
  }
}

/** Listens for the tries that other replicas left unanswered, until the returned function is called. */
export function listenForTries({
  db,
  cache,
  config,
  secrets,
}: Pick<Deps, 'db' | 'cache' | 'config' | 'secrets'>): () => void {
  return cache.subscribe(CHANNEL, message => {
    const told = JSON.parse(String(secrets.open(CHANNEL, Buffer.from(message, 'base64url')))) as Unanswered;
    const [since, unansweredAt] = [new Date(told.since), new Date(told.unansweredAt)];
    const open = openTries(db);
    const own = open.get(told.name);
    if (own === undefined || isOver(own, since, config.sessions.reuseGrace)) {
      keep(open, told.name, { since, unansweredAt });
    } else {
      if (since < own.since) own.since = since;
      if (own.unansweredAt === null || own.unansweredAt < unansweredAt) own.unansweredAt = unansweredAt;
    }
  });
}

function openTries(db: Deps['db']): Map<string, Try> {
  let open = tries.get(db);
  if (open === undefined) tries.set(db, (open = new Map()));
  return open;
}

function keep(open: Map<string, Try>, name: string, own: Try): void {
  if (open.size >= KEPT) open.delete(open.keys().next().value as string);
  open.set(name, own);
}

const isOver = ({ unansweredAt }: Try, now: Date, grace: number) =>
  unansweredAt !== null && now >= addSeconds(unansweredAt, grace);
