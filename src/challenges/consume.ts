import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { type Challenge, hashToken, isToken, type Purpose } from './challenge.ts';
import { columns, open } from './queries.ts';

type ClockDeps = Pick<Deps, 'clock'>;

interface Link {
  readonly purpose: Purpose;
  readonly token: string;
}

const ofToken = ({ purpose, token }: Link, now: Date) =>
  sql`purpose = ${purpose}::text and secret_hash = ${hashToken(token)}::bytea and ${open(now)}`;

/**
 * Spends a token: of N callers at once one gets the challenge, the others null, as for one expired or unknown. A transaction
 * that goes on to the account must find the challenge first, then lock the account, and spend only then: otherwise two links
 * of one account at once would each hold what the other voids.
 */
export async function consumeChallenge({ clock }: ClockDeps, tx: Sql, link: Link): Promise<Challenge | null> {
  if (!isToken(link.token)) return null;
  const now = clock.now();
  return tx.row(sql`
    update challenges set consumed_at = ${now}::timestamptz where ${ofToken(link, now)}
    returning ${columns}`);
}

/**
 * The spending of a token as a `DELETE … RETURNING` for a CTE: for a challenge that holds a person's data but belongs to no
 * account, and so would outlive the account that comes of it. Null for text that cannot be a token.
 */
export function removal({ clock }: ClockDeps, link: Link): Fragment | null {
  if (!isToken(link.token)) return null;
  return sql`delete from challenges where ${ofToken(link, clock.now())} returning ${columns}`;
}

/** The open challenge of a token; spends nothing, so a page may look before its form is sent. */
export async function findChallenge({ clock }: ClockDeps, db: Sql, link: Link): Promise<Challenge | null> {
  if (!isToken(link.token)) return null;
  return db.row(sql`select ${columns} from challenges where ${ofToken(link, clock.now())}`);
}

/**
 * Counts one try at what a token stands for (a second factor, say) before it is checked, and returns the challenge;
 * null once `maxAttempts` were taken, however many come at once. A right try is followed by `consumeChallenge`.
 */
export async function takeTry(
  { clock }: ClockDeps,
  tx: Sql,
  { maxAttempts, ...link }: Link & { maxAttempts: number },
): Promise<Challenge | null> {
  if (!isToken(link.token)) return null;
  return tx.row(sql`
    update challenges set attempts = attempts + 1
    where ${ofToken(link, clock.now())} and attempts < ${maxAttempts}::int
    returning ${columns}`);
}

interface Person {
  readonly purpose: Purpose;
  readonly userId: string;
}

const ofPerson = ({ purpose, userId }: Person, now: Date) =>
  sql`user_id = ${userId}::uuid and purpose = ${purpose}::text and ${open(now)}`;

/** The newest open challenge of a person for one purpose: the one that a typed code answers. */
export function newestChallenge({ clock }: ClockDeps, db: Sql, person: Person): Promise<Challenge | null> {
  return db.row(sql`
    select ${columns} from challenges where ${ofPerson(person, clock.now())}
    order by created_at desc, id desc limit 1`);
}

/** The open challenges of a person for one purpose. */
export function openChallenges({ clock }: ClockDeps, db: Sql, person: Person): Promise<Challenge[]> {
  return db.rows(sql`select ${columns} from challenges where ${ofPerson(person, clock.now())}`);
}

/** Voids a person's open challenges, of these purposes or of all, except `exceptIds`; returns how many there were. */
export function voidChallenges(
  { clock }: ClockDeps,
  tx: Sql,
  {
    userId,
    purposes = null,
    exceptIds = [],
  }: { userId: string; purposes?: readonly Purpose[] | null; exceptIds?: readonly string[] },
): Promise<number> {
  return tx.run(sql`
    update challenges set consumed_at = ${clock.now()}::timestamptz
    where user_id = ${userId}::uuid and consumed_at is null
      and (${purposes}::text[] is null or purpose = any(${purposes}::text[]))
      and id <> all(${[...exceptIds]}::uuid[])`);
}

/**
 * Voids open challenges of a purpose: the one with an id, or all that were sent to an address. Of N callers at once that
 * name the same id, one gets 1.
 */
export function voidSent(
  { clock }: ClockDeps,
  tx: Sql,
  { purpose, ...which }: { purpose: Purpose } & ({ id: string } | { sentTo: string }),
): Promise<number> {
  const id = 'id' in which ? which.id : null;
  const sentTo = 'sentTo' in which ? which.sentTo : null;
  const now = clock.now();
  return tx.run(sql`
    update challenges set consumed_at = ${now}::timestamptz
    where purpose = ${purpose}::text and ${open(now)}
      and (id = ${id}::uuid or lower(sent_to) = lower(${sentTo}::text))`);
}
