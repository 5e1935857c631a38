import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../database.ts';
import { isUndefinedTable } from '../database-errors.ts';
import type { Deps } from '../deps.ts';
import { Type } from '../json-schema.ts';
import { loadOnce } from '../load-once.ts';
import { newestRevision } from '../migrations/revisions.ts';
import { Problem } from '../problems.ts';
import { sql } from '../sql.ts';
import type { App } from './app.ts';

const readiness = Type.Object({
  status: Type.Literal('ready'),
  checks: Type.Record(Type.String(), Type.String()),
});
// The caller is a load balancer or a monitor, which waits less long for the database than people do.
const PATIENCE_MS = 1_500;
const REDIS_AWAY =
  'Redis does not answer: limits are counted by this process alone, and gateways see no new revocations.';
const BEHIND = 'The schema is behind this program: run "npm run db -- upgrade head".';

/** Liveness, readiness and the original's two checks. */
export function routes(app: App, { db, cache }: Deps): void {
  const newest = loadOnce(newestRevision);
  // Now, since the files of the next version may take the place of these before the first look.
  newest().catch(() => {});
  app.get(
    '/health',
    {
      config: { access: 'public', database: false },
      schema: {
        tags: ['Operations'],
        summary: 'The service runs',
        response: { 200: Type.Object({ status: Type.Literal('healthy') }) },
      },
    },
    () => ({ status: 'healthy' as const }),
  );

  app.get(
    '/livez',
    {
      config: { access: 'public', database: false },
      schema: {
        tags: ['Operations'],
        summary: 'The process answers',
        response: { 200: Type.Object({ status: Type.Literal('alive') }) },
      },
    },
    () => ({ status: 'alive' as const }),
  );

  app.get(
    '/db-check',
    {
      config: { access: 'public', problems: ['database_unavailable'] },
      schema: {
        tags: ['Operations'],
        summary: 'The database answers',
        response: { 200: Type.Object({ database: Type.Literal('connected') }) },
      },
    },
    async () => {
      await inTime(db.run(sql`select 1`));
      return { database: 'connected' as const };
    },
  );

  app.get(
    '/readyz',
    {
      config: { access: 'public', database: false, problems: ['not_ready'] },
      schema: {
        tags: ['Operations'],
        summary: 'Whether the service is ready; if not, what is wrong',
        description:
          'A refusal also has `status` ("not_ready") and `checks`. `checks.redis` tells of a Redis that is away, without which the service stays ready.',
        response: { 200: readiness },
      },
    },
    async () => {
      const found = await examine(db, newest);
      const checks = { ...found, ...(cache.status() === 'down' && { redis: REDIS_AWAY }) };
      if (Object.values(found).some(word => word !== 'ok'))
        throw new Problem('not_ready', { members: { status: 'not_ready', checks } });
      return { status: 'ready' as const, checks };
    },
  );
}

/** What readiness finds. The schema is named only where it was taken back, or an older backup restored, since the start. */
async function examine(db: Db, newest: () => Promise<string>): Promise<Record<string, string>> {
  try {
    const revision = await newest();
    const applied = await inTime(db.run(sql`select from schema_revisions where id = ${revision}`));
    return applied === 0 ? { database: 'ok', schema: BEHIND } : { database: 'ok' };
  } catch (error) {
    if (isUndefinedTable(error)) return { database: 'ok', schema: BEHIND };
    return {
      database: error instanceof Problem ? error.message : 'The database does not answer as it should.',
    };
  }
}

/** An answer of the database. Refuses with `database_unavailable` if there is none, or not in time. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  const late = sleep(PATIENCE_MS, undefined, { ref: false }).then(() => {
    throw new Problem('database_unavailable', { message: 'The database does not answer in time.' });
  });
  return Promise.race([answer, late]);
}
