import { clientBody, clientWithSecretBody } from '../clients/client.ts';
import { createClient } from '../clients/create.ts';
import { listClients } from '../clients/list.ts';
import { removeClient } from '../clients/remove.ts';
import { rotateSecret, SECRET_OVERLAP } from '../clients/rotate-secret.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { pageBody, pageQuery } from '../platform/http/paging.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { principalOf } from '../sessions/principal.ts';

const byId = Type.Object({ id: Type.String({ format: 'uuid' }) });
const writing = { access: { permission: 'clients:write' }, recent: true, limit: 'admin' } as const;

/** Service clients, for administrators. */
export function routes(app: App, deps: KeysDeps): void {
  app.get(
    '/clients',
    {
      config: { access: { permission: 'clients:read' }, limit: 'admin' },
      schema: {
        tags: ['Clients'],
        summary: 'Service clients',
        querystring: pageQuery,
        response: { 200: pageBody(clientBody) },
      },
    },
    request => listClients(deps, request.query),
  );

  app.post(
    '/clients',
    {
      config: { ...writing, problems: ['grant_exceeds_own', 'client_exists'] },
      schema: {
        tags: ['Clients'],
        summary: 'Make a service client',
        description:
          'Only this answer contains the secret. You can give the client only permissions that you hold.',
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 100 }),
            permissions: Type.Array(Type.String({ maxLength: 100 }), {
              maxItems: 200,
              uniqueItems: true,
              default: [],
            }),
          },
          exact,
        ),
        response: { 201: clientWithSecretBody },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await createClient(deps, principalOf(request), request.body)),
  );

  app.post(
    '/clients/:id/rotate-secret',
    {
      config: { ...writing, problems: ['client_not_found', 'target_outranks_caller'] },
      schema: {
        tags: ['Clients'],
        summary: 'Give a service client a new secret',
        description: `The former secret stays valid for \`keep_previous_seconds\` (${SECRET_OVERLAP} if left out). Send 0 if it has leaked.`,
        params: byId,
        body: Type.Optional(
          Type.Union([
            Type.Null(),
            Type.Object(
              { keep_previous_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 30 * 86_400 })) },
              exact,
            ),
          ]),
        ),
        response: { 200: clientWithSecretBody },
      },
    },
    request =>
      rotateSecret(deps, principalOf(request), {
        clientId: request.params.id,
        keepPrevious: request.body?.keep_previous_seconds,
      }),
  );

  app.delete(
    '/clients/:id',
    {
      config: { ...writing, problems: ['client_not_found', 'target_outranks_caller'] },
      schema: {
        tags: ['Clients'],
        summary: 'Remove a service client and its tokens',
        params: byId,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await removeClient(deps, principalOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
