import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { userOf } from '../sessions/principal.ts';
import { addPasskey, beginPasskey } from './add-passkey.ts';
import { creationOptionsBody, creationResponse, passkeyBody, passkeyLabel } from './passkey-schemas.ts';
import { listPasskeys, removePasskey, renamePasskey } from './passkeys.ts';
import type { CreationResponse } from './webauthn.ts';

const byId = Type.Object({ id: Type.String({ format: 'uuid' }) });
const guarded = { access: 'user', recent: true, limit: 'mfa' } as const;
const tags = ['Passkeys'];

/** A person's own passkeys. */
export function routes(app: App, deps: Deps): void {
  app.get(
    '/mfa/passkeys',
    {
      config: { access: 'user' },
      schema: {
        tags,
        summary: 'My passkeys',
        response: { 200: Type.Object({ passkeys: Type.Array(passkeyBody) }) },
      },
    },
    async request => ({ passkeys: await listPasskeys(deps, userOf(request)) }),
  );

  app.post(
    '/mfa/passkeys/options',
    {
      config: { ...guarded, problems: ['passkey_limit_reached'] },
      schema: {
        tags,
        summary: 'Begin to add a passkey',
        description: 'Pass `options` to navigator.credentials.create, and its result to POST /mfa/passkeys.',
        response: { 200: creationOptionsBody },
      },
    },
    async request => ({ options: { ...(await beginPasskey(deps, userOf(request))) } }),
  );

  app.post(
    '/mfa/passkeys',
    {
      config: { ...guarded, problems: ['passkey_refused', 'factor_exists', 'passkey_limit_reached'] },
      schema: {
        tags,
        summary: 'Add the passkey that the browser made',
        body: Type.Object({ name: passkeyLabel, response: creationResponse }, exact),
        response: { 201: passkeyBody },
      },
    },
    async (request, reply) => {
      const { name, response } = request.body;
      const added = await addPasskey(deps, userOf(request), { name, response: response as CreationResponse });
      return reply.code(201).send(added);
    },
  );

  app.patch(
    '/mfa/passkeys/:id',
    {
      config: { ...guarded, problems: ['factor_not_found'] },
      schema: {
        tags,
        summary: 'Rename a passkey',
        params: byId,
        body: Type.Object({ name: passkeyLabel }, exact),
        response: { 200: passkeyBody },
      },
    },
    request => renamePasskey(deps, userOf(request), { id: request.params.id, name: request.body.name }),
  );

  app.delete(
    '/mfa/passkeys/:id',
    {
      config: { ...guarded, problems: ['factor_not_found', 'last_way_in'] },
      schema: {
        tags,
        summary: 'Remove a passkey',
        description: 'The last way into the account cannot be removed.',
        params: byId,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await removePasskey(deps, userOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
