import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../database.ts';
import type { Deps } from '../deps.ts';
import { Type } from '../json-schema.ts';
import { Problem } from '../problems.ts';
import { sql } from '../sql.ts';
import type { App } from './app.ts';

const readiness = Type.Object({
  status: Type.Literal('ready'),
  checks: Type.Record(Type.String(), Type.String()),
});
// The caller is a load balancer or a monitor, which waits less long for the database than people do.
const PATIENCE_MS = 1_500;

/** Liveness, readiness and the original's two checks. */
export function routes(app: App, { db }: Deps): void {
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
      await reachDatabase(db);
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
        description: 'A refusal also has `status` ("not_ready") and `checks`.',
        response: { 200: readiness },
      },
    },
    async () => {
      const database = await reachDatabase(db).then(
        () => 'ok',
        (error: Error) =>
          error instanceof Problem ? error.message : 'The database does not answer as it should.',
      );
      const checks = { database };
      if (database !== 'ok') throw new Problem('not_ready', { members: { status: 'not_ready', checks } });
      return { status: 'ready' as const, checks };
    },
  );
}

/** Waits for an answer of the database. Refuses with `database_unavailable` if there is none, or not in time. */
async function reachDatabase(db: Db): Promise<void> {
  await Promise.race([
    db.run(sql`select 1`),
    sleep(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Problem('database_unavailable', { message: 'The database does not answer in time.' });
    }),
  ]);
}
