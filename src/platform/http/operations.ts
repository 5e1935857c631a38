import type { Deps } from '../deps.ts';
import { Type } from '../json-schema.ts';
import { Problem } from '../problems.ts';
import { sql } from '../sql.ts';
import type { App } from './app.ts';

const readiness = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('not_ready')]),
  checks: Type.Record(Type.String(), Type.String()),
});

/** Liveness, readiness and the original's two checks. */
export function routes(app: App, { db }: Deps): void {
  app.get(
    '/health',
    {
      config: { access: 'public', database: false },
      schema: {
        tags: ['Operations'],
        summary: 'Alive',
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
      await db.run(sql`select 1`);
      return { database: 'connected' as const };
    },
  );

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        tags: ['Operations'],
        summary: 'Ready to serve; names what is wrong when not',
        response: { 200: readiness, 503: readiness },
      },
    },
    async (_request, reply) => {
      const database = await db.run(sql`select 1`).then(
        () => 'ok',
        (error: Error) =>
          error instanceof Problem ? error.message : 'The database does not answer as it should.',
      );
      const ready = database === 'ok';
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? ('ready' as const) : ('not_ready' as const), checks: { database } });
    },
  );
}
