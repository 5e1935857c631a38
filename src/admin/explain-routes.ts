import { findAccountById } from '../accounts/find.ts';
import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { principalOf } from '../sessions/principal.ts';
import { explain } from './explain.ts';

const instant = Type.String({ format: 'date-time' });

const explanation = Type.Object(
  {
    user_id: Type.String({ format: 'uuid' }),
    can_log_in: Type.Boolean(),
    obstacles: Type.Array(
      Type.Object(
        { code: Type.String(), message: Type.String(), until: orNull(instant) },
        {
          title: 'Obstacle',
          examples: [
            {
              code: 'no_password',
              message:
                'The account has no password. Its owner can sign in with a provider, or set a password by a mailed reset.',
              until: null,
            },
          ],
        },
      ),
    ),
    failures: Type.Array(
      Type.Object({
        count: Type.Integer(),
        last_at: instant,
        locked_until: orNull(instant),
        known_device: Type.Boolean(),
      }),
    ),
    factors: Type.Array(Type.String()),
    recent: Type.Array(
      Type.Object({
        type: Type.String(),
        reason: orNull(Type.String()),
        created_at: instant,
        ip: orNull(Type.String()),
      }),
    ),
  },
  { title: 'Explanation' },
);

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
        response: { 200: explanation },
      },
    },
    async request => {
      const account = await findAccountById(deps.db, request.params.id);
      if (account === null) throw new Problem('user_not_found');
      const { obstacles, failures, factors, recent, ...rest } = await explain(deps, account);
      const readsTrail = principalOf(request).permissions.has('audit:read');
      return {
        ...rest,
        obstacles: [...obstacles],
        failures: [...failures],
        factors: [...factors],
        recent: readsTrail ? [...recent] : [],
      };
    },
  );
}
