import { type Fragment, sql } from '../platform/sql.ts';

// PostgreSQL's times reach further than 64 bits of microseconds, and two are infinite: whoever writes one of those into a row,
// new or in place of another, must not keep the trail from being sealed and read.
const LAST = sql`9223372036854775807`;
const FIRST = sql`-9223372036854775808`;

/** Microseconds since 1970, as an SQL expression; a time that is further away gives the least or the most that 64 bits hold. */
export const microsecondsOf = (time: Fragment): Fragment =>
  sql`greatest(least(extract(epoch from ${time}) * 1000000, ${LAST}), ${FIRST})::bigint`;

/** The time of microseconds since 1970, as an SQL expression. */
export const timeOfMicroseconds = (microseconds: Fragment): Fragment => sql`
  case ${microseconds} when ${LAST}::numeric then 'infinity'::timestamptz when ${FIRST}::numeric then '-infinity'::timestamptz
    else 'epoch'::timestamptz + ${microseconds} * interval '1 microsecond' end`;

/** The time, as an SQL expression; one outside the years 1 to 9999, which JavaScript reads, gives their first or last day. */
export const readableTime = (time: Fragment): Fragment =>
  sql`greatest(least(${time}, '9999-12-31Z'::timestamptz), '0001-01-01Z'::timestamptz)`;
