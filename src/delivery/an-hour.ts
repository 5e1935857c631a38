import { addSeconds } from '../platform/clock.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, fromIf, sql } from '../platform/sql.ts';
import { takingTurn } from './budget-queries.ts';
import type { MailTemplate } from './messages.ts';

const HOUR = 3600;
const FEW = 20;

/**
 * A CTE for mails that a stranger can bring about: it has one row for the first request in an hour to send this mail to an
 * address, and none for all others. If the condition `due` does not hold, a turn is taken all the same, under a key that stands
 * for no mail: both kinds of request wait for concurrent ones, so that the wait does not tell whether there is a mail.
 * RATE_LIMIT=off does not lift it.
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
 * A CTE for mails that anybody can have sent to somebody else's mailbox, by making an account for each: it has one row for each
 * of the first twenty requests in an hour to send this mail to an address, and none for all others. Takes one turn for each row
 * of `source`, or one turn without a `source`. Off with RATE_LIMIT=off.
 */
export function fewAnHour(
  { clock, config, secrets }: Pick<Deps, 'clock' | 'config' | 'secrets'>,
  { template, addressKey }: { template: MailTemplate; addressKey: string },
  source?: Fragment,
): Fragment {
  if (config.rateLimit === 'off') return sql`select 1 as turn ${fromIf(source)}`;
  const now = clock.now();
  const key = secrets.mac('lockout', `few mails\0${template}\0${addressKey}`);
  return takingTurn({ key: sql`${key}::bytea`, most: FEW, since: addSeconds(now, -HOUR), now }, source);
}

/** Seconds until an address may be sent this mail again, as `fewAnHour` counts; if it may be now, 0, and a turn is taken. */
export async function mailboxWait(
  deps: Pick<Deps, 'clock' | 'config' | 'secrets'>,
  tx: Tx,
  mail: { template: MailTemplate; addressKey: string },
): Promise<number> {
  return (await tx.row(fewAnHour(deps, mail))) === null ? HOUR : 0;
}
