import type { Deps } from '../platform/deps.ts';
import { findLastBatch, findOldestTransaction, findPending } from './batch-queries.ts';
import { type LastLine, publishCheckpoint } from './checkpoint.ts';
import { makePartitions } from './partitions.ts';
import { pruneTrail, refuseClockAhead } from './prune.ts';
import { nextPlace, sealBatch } from './seal.ts';

const SEAL_EVERY_MS = 1_000;
const CHECKPOINT_EVERY_MS = 60_000;
const SAY_EVERY_MS = 60_000;
const UPKEEP_EVERY_MS = 3_600_000;
// An event that waits longer is held back by a transaction that somebody left open.
const WAIT_MAX_MS = 300_000;

export interface Sealer {
  /** Seals what there is, hands out a last checkpoint, and stops. */
  stop(): Promise<void>;
}

/**
 * Seals the trail in the background, once a second, in batches; hands out a signed checkpoint each minute in which
 * something was sealed; makes partitions ahead and drops old ones. Safe on every replica: one works at a time.
 */
export function startSealer(deps: Deps): Sealer {
  const { log, clock } = deps;
  let stopping = false;
  let unpublished = true;
  let nextCheckpoint = clock.now().getTime() + CHECKPOINT_EVERY_MS;
  let nextUpkeep = 0;
  let timer: NodeJS.Timeout | undefined;
  const lastLine: LastLine = { text: null };
  const sayAgainAt = new Map<string, number>();

  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      // A database that is down would otherwise fill the log once a second.
      const now = clock.now().getTime();
      if (!isDue(sayAgainAt.get(what) ?? 0, SAY_EVERY_MS, now)) return;
      sayAgainAt.set(what, now + SAY_EVERY_MS);
      log.warn({ err: error }, what);
    }
  };
  const seal = async () => {
    // Events that come meanwhile wait for the next second; otherwise this would never end on a busy day.
    for (let more = true; more && !stopping; ) {
      const seal = await sealBatch(deps);
      more = seal.verdict === 'sealed' && seal.more;
      unpublished ||= seal.verdict === 'sealed';
    }
  };
  const publish = async () => {
    await publishCheckpoint(deps, lastLine);
    unpublished = false;
  };
  const pass = async () => {
    await attempt('The audit trail could not be sealed', seal);
    const now = clock.now().getTime();
    if (isDue(nextCheckpoint, CHECKPOINT_EVERY_MS, now)) {
      nextCheckpoint = now + CHECKPOINT_EVERY_MS;
      if (unpublished) await attempt('The audit checkpoint could not be handed out', publish);
      await attempt('The state of the audit trail could not be read', () => warnOfHeldSeal(deps));
    }
    if (isDue(nextUpkeep, UPKEEP_EVERY_MS, now)) {
      nextUpkeep = now + UPKEEP_EVERY_MS;
      await attempt('A partition of the audit trail could not be made', () => makePartitions(deps));
      await attempt('Old audit events could not be dropped: run "audit prune" as the owner', () =>
        prune(deps),
      );
    }
  };

  let running: Promise<void> = Promise.resolve();
  const schedule = () => {
    running = pass().then(() => {
      if (!stopping) timer = setTimeout(schedule, SEAL_EVERY_MS);
    });
  };
  schedule();
  return {
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await running;
      await attempt('The audit trail could not be sealed', () => sealBatch(deps));
      await attempt('The audit checkpoint could not be handed out', publish);
    },
  };
}

// A time more than one interval ahead was set before the clock was put back.
const isDue = (at: number, everyMs: number, now: number) => now >= at || at > now + everyMs;

async function prune(deps: Deps): Promise<void> {
  const days = deps.config.audit.retentionDays;
  if (days === 0) return;
  await refuseClockAhead(deps);
  await pruneTrail(deps, { days, by: 'system' });
}

/** Logs an error when events have waited too long to be sealed, and names who holds the horizon. */
export async function warnOfHeldSeal({ db, clock, log }: Deps): Promise<void> {
  const { events, oldest } = await findPending(db, nextPlace(await findLastBatch(db)));
  if (oldest === null || clock.now().getTime() - oldest.getTime() < WAIT_MAX_MS) return;
  const holder = await findOldestTransaction(db);
  log.error({ events, oldest, holder }, 'Audit events cannot be sealed: a transaction is held open');
}
