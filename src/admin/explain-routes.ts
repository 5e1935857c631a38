import { findAccountById } from '../accounts/find.ts';
import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { principalOf } from '../sessions/principal.ts';
import { explain, explanationBody } from './explain.ts';

/** Why somebody cannot log in. */
export function routes(app: App, deps: Deps): void {
  app.get(
    '/users/:id/explain',
    {
      config: { access: { permission: 'users:read' }, limit: 'admin', problems: ['user_not_found'] },
      schema: {
        tags: ['Administration'],
        summary: 'Why this person cannot log in',
        description:
          'Answers from the facts that the login itself reads: disabled, locked until, unverified, expired, factor missing. `recent` comes from the audit trail, and is empty without `audit:read`.',
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        response: { 200: explanationBody },
      },
    },
    async request => {
      const account = await findAccountById(deps.db, request.params.id);
      if (account === null) throw new Problem('user_not_found');
      const explanation = await explain(deps, account);
      const readsTrail = principalOf(request).permissions.has('audit:read');
      return readsTrail ? explanation : { ...explanation, recent: [] };
    },
  );
}
