import type { KeysDeps } from '../keys/key-ring.ts';
import { rotateKeys } from '../keys/rotate.ts';
import type { App } from '../platform/http/app.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { principalOf } from '../sessions/principal.ts';

const instant = Type.String({ format: 'date-time' });

/** Rotation of the signing keys, for administrators. */
export function routes(app: App, deps: KeysDeps): void {
  app.post(
    '/keys/rotate',
    {
      config: {
        access: { permission: 'keys:rotate' },
        recent: true,
        limit: 'admin',
        problems: ['feature_disabled'],
      },
      schema: {
        tags: ['Operations'],
        summary: 'Make the next signing key',
        description:
          'The key is published at once and signs from `signs_from` on; tokens of the former key stay valid. If a key is waiting already, the answer names that one. 404 `feature_disabled` with HS256, HS384 and HS512, and at a replica that was not restarted after ALGORITHM changed.',
        response: {
          200: Type.Object(
            {
              kid: Type.String(),
              algorithm: Type.String({ examples: ['ES256'] }),
              signs_from: instant,
              created: Type.Boolean({ description: 'False when a key was waiting already.' }),
            },
            { title: 'Rotation' },
          ),
        },
      },
    },
    async request => {
      const principal = principalOf(request);
      const rotation = await rotateKeys(deps, {
        actor: actorOf(principal),
        caller: principal.caller,
        reason: 'request',
      });
      if (rotation === null) throw new Problem('feature_disabled');
      await deps.keys.reload();
      const { kid, algorithm, signsFrom } = rotation.key;
      return { kid, algorithm, signs_from: signsFrom.toISOString(), created: rotation.made };
    },
  );
}
