import { userBody } from '../accounts/account.ts';
import { addressText, nameText, phoneText } from '../accounts/person-schema.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { opaqueToken } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { pageBody, pageQuery } from '../platform/http/paging.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { principalOf } from '../sessions/principal.ts';
import { acceptInvitation } from './accept.ts';
import { invitationBody, invite, listInvitations, revokeInvitation } from './invite.ts';

const password = Type.String({ maxLength: 4096 });
const writing = { access: { permission: 'users:write' }, recent: true, limit: 'admin' } as const;
const tags = ['Administration'];

/** Inviting people, and accepting. */
export function routes(app: App, deps: Deps): void {
  app.post(
    '/invitations',
    {
      config: { ...writing, problems: ['email_taken', 'grant_exceeds_own', 'target_outranks_caller'] },
      schema: {
        tags,
        summary: 'Invite somebody, with roles',
        description:
          'Sends a mail with a link that works for seven days, and replaces an earlier invitation to the same address. You can give only roles whose permissions you hold, and you must still hold them when the invitation is accepted.',
        body: Type.Object(
          {
            email: addressText,
            roles: optional(
              Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100, uniqueItems: true }),
            ),
          },
          exact,
        ),
        response: { 201: invitationBody },
      },
    },
    async (request, reply) => {
      const { email, roles } = request.body;
      const principal = principalOf(request);
      const name = principal.kind === 'user' ? principal.account.full_name : undefined;
      return reply.code(201).send(await invite(deps, principal, { email, roles: roles ?? ['user'], name }));
    },
  );

  app.get(
    '/invitations',
    {
      config: { access: { permission: 'users:read' }, limit: 'admin' },
      schema: {
        tags,
        summary: 'Open invitations, the newest first',
        querystring: pageQuery,
        response: { 200: pageBody(invitationBody) },
      },
    },
    request => listInvitations(deps, request.query),
  );

  app.delete(
    '/invitations/:id',
    {
      config: { ...writing, problems: ['invitation_not_found', 'target_outranks_caller'] },
      schema: {
        tags,
        summary: 'Withdraw an invitation',
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await revokeInvitation(deps, principalOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/invitations/accept',
    {
      config: {
        access: 'public',
        limit: 'signup',
        problems: ['invitation_invalid', 'passwords_differ', 'email_taken', 'overloaded'],
      },
      schema: {
        tags: ['Registration'],
        summary: 'Accept an invitation',
        description:
          'Makes the account, with its address verified. A refused name or password does not spend the invitation.',
        body: Type.Object(
          {
            token: opaqueToken(),
            first_name: nameText,
            last_name: nameText,
            phone_number: optional(phoneText),
            password,
            confirm_password: password,
          },
          exact,
        ),
        response: { 201: userBody },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await acceptInvitation(deps, callerOf(request), request.body)),
  );
}
