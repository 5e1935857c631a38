import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { takingTurn } from './budget-queries.ts';
import type { MailTemplate } from './messages.ts';

const HOUR = 3600;
const FEW = 20;

/**
 * A CTE that has one row for the first in an hour who would send this mail to an address, and none for all others, for
 * mails that a stranger can bring about. Where the condition `due` does not hold, a turn is taken all the same, under a key
 * that stands for no mail: both wait for whoever asks at the same time, so that the wait does not tell whether there is a mail. RATE_LIMIT=off does not lift it.
 */
export function onceAnHour(
  { clock, secrets }: Pick<Deps, 'clock' | 'secrets'>,
  { template, addressKey, due }: { template: MailTemplate; addressKey: string; due: Fragment },
): Fragment {
  const now = clock.now();
  const keyOf = (what: string) => secrets.mac('lockout', `${what}\0${template}\0${addressKey}`);
  const key = sql`case when ${due} then ${keyOf('mail')}::bytea else ${keyOf('no mail')}::bytea end`;
  return takingTurn({ key, most: 1, since: addSeconds(now, -HOUR), now });
}

/**
 * A CTE that has one row for the first twenty in an hour who would send this mail to an address, and none for all others:
 * for mails that anybody can have sent to a mailbox that is not theirs, with an account for each. One turn for each row of
 * `source`, or one where there is none. Off with RATE_LIMIT=off.
 */
export function fewAnHour(
  { clock, config, secrets }: Pick<Deps, 'clock' | 'config' | 'secrets'>,
  { template, addressKey }: { template: MailTemplate; addressKey: string },
  source?: Fragment,
): Fragment {
  if (config.rateLimit === 'off')
    return sql`select 1 as turn ${source === undefined ? sql`` : sql`from ${source}`}`;
  const now = clock.now();
  const key = secrets.mac('lockout', `few mails\0${template}\0${addressKey}`);
  return takingTurn({ key: sql`${key}::bytea`, most: FEW, since: addSeconds(now, -HOUR), now }, source);
}

/** Seconds until an address may be sent this mail again, as `fewAnHour` counts; 0, and a turn taken, where it may be now. */
export async function mailboxWait(
  deps: Pick<Deps, 'clock' | 'config' | 'secrets'>,
  tx: Tx,
  mail: { template: MailTemplate; addressKey: string },
): Promise<number> {
  return (await tx.row(fewAnHour(deps, mail))) === null ? HOUR : 0;
}
