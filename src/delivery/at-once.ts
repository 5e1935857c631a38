import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { takingFirst } from './budget-queries.ts';
import type { MailTemplate } from './messages.ts';

/**
 * A CTE for a mail that several concurrent requests would each send to one account about the same thing (`about`), because none
 * of their statements sees what the others write. It has a row for one of them and for each later request; none if the source
 * has none.
 */
export function onceAtOnce(
  { clock, secrets }: Pick<Deps, 'clock' | 'secrets'>,
  { template, userId, about }: { template: MailTemplate; userId: string; about: string },
  source: Fragment,
): Fragment {
  const key = secrets.mac('lockout', `at once\0${template}\0${userId}\0${about}`);
  return takingFirst({ key: sql`${key}::bytea`, now: clock.now() }, source);
}
