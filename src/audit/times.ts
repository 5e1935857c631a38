import { type Fragment, sql } from '../platform/sql.ts';

// The times of PostgreSQL go further than 64 bits of microseconds, and two have no end: whoever writes one into a row, or puts it
// in place of another, must not keep the trail from being sealed and read.
const LAST = sql`9223372036854775807`;
const FIRST = sql`-9223372036854775808`;

/** Microseconds since 1970, as an SQL expression; of a time that is too far away the last ones that there are. */
export const microsecondsOf = (time: Fragment): Fragment =>
  sql`greatest(least(extract(epoch from ${time}) * 1000000, ${LAST}), ${FIRST})::bigint`;

/** The time of microseconds since 1970, as an SQL expression. */
export const timeOfMicroseconds = (microseconds: Fragment): Fragment => sql`
  case ${microseconds} when ${LAST}::numeric then 'infinity'::timestamptz when ${FIRST}::numeric then '-infinity'::timestamptz
    else 'epoch'::timestamptz + ${microseconds} * interval '1 microsecond' end`;

/** The time, or one that it is not where JavaScript has none for it. */
export const readableTime = (time: Fragment): Fragment =>
  sql`greatest(least(${time}, '9999-12-31Z'::timestamptz), '0001-01-01Z'::timestamptz)`;
