import type { Sql } from '../platform/database.ts';
import { sweepSessions } from './queries.ts';

/** Deletes sessions and revocations that ran out before `before`, at most `limit` of each; returns how many. */
export function sweepEndedSessions(database: Sql, before: Date, limit: number): Promise<number> {
  return sweepSessions(database, before, limit);
}
