import { listActivity, listEvents } from '../audit/list.ts';
import { eventBody } from '../audit/present.ts';
import { readInstant } from '../platform/clock.ts';
import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { pageBody } from '../platform/http/paging.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { userOf } from '../sessions/principal.ts';

const page = pageBody(eventBody);

const paging = {
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
  cursor: Type.Optional(Type.String({ maxLength: 200 })),
};

const filters = Type.Object(
  {
    user_id: Type.Optional(
      Type.String({ format: 'uuid', description: 'The person whom the events concern.' }),
    ),
    type: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['login.failed'] })),
    from: Type.Optional(Type.String({ format: 'date-time', description: 'The earliest time, inclusive.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'The latest time, exclusive.' })),
    ...paging,
  },
  exact,
);

/** The audit trail for whoever may read it, and everybody's own part of it. */
export function routes(app: App, deps: Deps): void {
  app.get(
    '/audit-events',
    {
      config: { access: { permission: 'audit:read' }, limit: 'admin' },
      schema: {
        tags: ['Audit'],
        summary: 'Read the audit trail, the newest first',
        querystring: filters,
        response: { 200: page },
      },
    },
    async ({ query }) =>
      listEvents(
        deps,
        {
          userId: query.user_id,
          type: query.type,
          from: instantOf(query.from, 'from'),
          to: instantOf(query.to, 'to'),
        },
        query,
      ),
  );

  app.get(
    '/users/me/activity',
    {
      config: { access: 'user' },
      schema: {
        tags: ['Users'],
        summary: 'What happened to my account, the newest first',
        querystring: Type.Object(paging, exact),
        response: { 200: page },
      },
    },
    request => listActivity(deps, userOf(request).userId, request.query),
  );
}

function instantOf(text: string | undefined, member: 'from' | 'to'): Date | undefined {
  if (text === undefined) return undefined;
  const at = readInstant(text);
  if (at !== null) return at;
  throw new Problem('validation_failed', {
    issues: [
      {
        type: 'datetime_parsing',
        loc: ['query', member],
        msg: 'Input should be a time of the years 1 to 9999',
      },
    ],
  });
}
