import { setTimeout as sleep } from 'node:timers/promises';
import { addSeconds } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import type { Channel } from './channels.ts';
import { openDraft } from './open-draft.ts';
import { type Claimed, markDead, markExpired, markRetry, markSent, renewLease } from './queries.ts';
import { readableReason } from './readable-reason.ts';
import { secondsAsked } from './retry-after.ts';
import { retrySeconds } from './retry-pace.ts';
import { DeliveryFailure } from './transport.ts';

/** Seconds that a claim holds; renewed while a send is under way, so it only runs out on a process that died. */
export const LEASE_SECONDS = 60;

/** About a day of tries, after which a message is dead until an operator requeues it. */
const MAX_ATTEMPTS = 100;
/** As many as an outage may use up, however long it is: the rest, some hours of tries, is for the server that is back. */
const OUTAGE_ATTEMPTS = 80;

const RECORD_AGAIN_MS = 1_000;
// Some ten minutes, or longer if each try has to wait: even after the lease has run out, nobody may have claimed the message
// yet.
const RECORD_TRIES = 600;

type DeliverDeps = Pick<Deps, 'db' | 'clock' | 'random' | 'log' | 'secrets'>;

/** Nothing can be sent at all for now, and the server asked for these seconds, or for none (0). */
interface Outage {
  readonly askedSeconds: number;
}

/** Sends one claimed message and records the outcome. Never throws. */
export async function deliver(
  deps: DeliverDeps,
  channel: Channel,
  claimed: Claimed,
  againMs = RECORD_AGAIN_MS,
): Promise<'sent' | 'expired' | 'dead' | 'retry' | Outage> {
  const { db, clock, log } = deps;
  const { id, template, attempts, expiresAt } = claimed;
  const line = { message_id: id, channel: channel.name, template, attempt: attempts };
  try {
    if (expiresAt !== null && expiresAt <= clock.now()) {
      await markExpired(db, claimed, clock.now());
      log.warn(line, 'message dropped: it expired before it could be sent');
      return 'expired';
    }
    const failure = await send(deps, channel, claimed);
    if (failure === null) {
      await recordSent(deps, claimed, againMs);
      log.info(line, 'message sent');
      return 'sent';
    }
    const { kind, message: error, retryAfter } = failure;
    const outage = kind === 'outage';
    if (kind === 'permanent' || (!outage && attempts >= MAX_ATTEMPTS)) {
      await markDead(db, claimed, clock.now(), error);
      log.error({ ...line, error }, 'message given up: see `outbox list --dead`');
      return 'dead';
    }
    const askedSeconds = secondsAsked(retryAfter, clock.now());
    const wait = Math.max(askedSeconds, retrySeconds(deps, attempts));
    const used = outage ? Math.min(attempts, OUTAGE_ATTEMPTS) : attempts;
    await markRetry(db, claimed, addSeconds(clock.now(), wait), error, used);
    log.warn({ ...line, error, retry_in: wait }, 'message not sent yet');
    return outage ? { askedSeconds } : 'retry';
  } catch (error) {
    // The database is away: the lease runs out, and the message is claimed again.
    log.error({ ...line, err: error }, 'the outcome of a message could not be recorded');
    return 'retry';
  }
}

async function send(deps: DeliverDeps, channel: Channel, claimed: Claimed): Promise<DeliveryFailure | null> {
  const { db, clock, secrets } = deps;
  const { id, recipient, createdAt } = claimed;
  let told: unknown[] = [];
  const renewal = setInterval(
    () => {
      renewLease(db, claimed, addSeconds(clock.now(), LEASE_SECONDS)).catch(() => {});
    },
    (LEASE_SECONDS * 1000) / 3,
  );
  try {
    const draft = openDraft(secrets, claimed);
    told = Object.values(draft.secrets);
    await channel.send({ id, to: recipient, createdAt }, draft);
    return null;
  } catch (error) {
    const { kind, retryAfter } =
      error instanceof DeliveryFailure ? error : ({ kind: 'temporary', retryAfter: null } as const);
    const message = error instanceof Error ? error.message : String(error);
    return new DeliveryFailure(kind, readableReason(message, told), { cause: error, retryAfter });
  } finally {
    clearInterval(renewal);
  }
}

// The receiver has the message, and losing this write means a second copy, so this waits for a database that is away. The tries
// outlast the restart of a server, and the lease usually does, too.
async function recordSent({ db, clock }: DeliverDeps, claimed: Claimed, againMs: number): Promise<void> {
  for (let left = RECORD_TRIES; ; left--) {
    try {
      await markSent(db, claimed, clock.now());
      return;
    } catch (error) {
      if (left === 0) throw error;
      await sleep(againMs, null, { ref: false });
    }
  }
}
