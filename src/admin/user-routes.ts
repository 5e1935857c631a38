import { userBody } from '../accounts/account.ts';
import { addressText, lastNameSentBack, nameText, phoneText } from '../accounts/person-schema.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { optional } from '../platform/http/optional.ts';
import { pageBody, paging } from '../platform/http/paging.ts';
import { exact, orNull, saying, Type } from '../platform/json-schema.ts';
import { principalOf } from '../sessions/principal.ts';
import {
  logoutUser,
  removeUser,
  removeUserFactors,
  sendUserReset,
  setUserRoles,
  unlockUser,
} from './act-on-user.ts';
import { changeUser } from './change-user.ts';
import { createUser } from './create-user.ts';
import { findUser, listUsers } from './list-users.ts';

const byId = Type.Object({ id: Type.String({ format: 'uuid' }) });
const fullName = Type.String({ minLength: 1, maxLength: 201 });
const phone = orNull(phoneText);
const roles = Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100, uniqueItems: true });
const reading = { access: { permission: 'users:read' }, limit: 'admin' } as const;
const writing = { access: { permission: 'users:write' }, recent: true, limit: 'admin' } as const;
const target = ['user_not_found', 'target_outranks_caller'] as const;
const tags = ['Administration'];

/** Everybody's accounts, for administrators. */
export function routes(app: App, deps: KeysDeps): void {
  app.get(
    '/users',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Accounts, the newest first',
        querystring: Type.Object(
          {
            q: Type.Optional(
              Type.String({
                maxLength: 254,
                description:
                  'The beginning of an address, a username, a full name or a last name, in any case.',
              }),
            ),
            role: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
            disabled: Type.Optional(Type.Boolean()),
            ...paging,
          },
          exact,
        ),
        response: { 200: pageBody(userBody) },
      },
    },
    request => listUsers(deps, request.query),
  );

  app.post(
    '/users',
    {
      config: { ...writing, problems: ['email_taken', 'username_taken', 'grant_exceeds_own'] },
      schema: {
        tags,
        summary: 'Make an account',
        description:
          'The account has no password: its owner gets a mail with a link that sets one and proves the mailbox. You can give only roles whose permissions you hold. Names that you leave out are taken from the full name, or else from the part of the address before the @.',
        body: Type.Object(
          {
            email: addressText,
            username: optional(Type.String({ minLength: 1, maxLength: 320 })),
            first_name: optional(nameText),
            last_name: optional(nameText),
            full_name: optional(fullName),
            phone_number: optional(phoneText),
            roles: optional(roles),
          },
          exact,
        ),
        response: { 201: userBody },
      },
    },
    async (request, reply) => {
      const { username, first_name, last_name, full_name, roles: given, ...person } = request.body;
      const user = {
        ...person,
        username: username ?? undefined,
        first_name: first_name ?? undefined,
        last_name: last_name ?? undefined,
        full_name: full_name ?? undefined,
        roles: given ?? undefined,
      };
      return reply.code(201).send(await createUser(deps, principalOf(request), user));
    },
  );

  app.get(
    '/users/:id',
    {
      config: { ...reading, problems: ['user_not_found'] },
      schema: { tags, summary: 'One account', params: byId, response: { 200: userBody } },
    },
    request => findUser(deps, request.params.id),
  );

  app.patch(
    '/users/:id',
    {
      config: { ...writing, problems: [...target, 'last_administrator'] },
      schema: {
        tags,
        summary: 'Change a profile, or stop somebody from logging in',
        description:
          'Disabling ends every session at once. No route sets the password or the address of somebody else.',
        params: byId,
        body: Type.Object(
          {
            disabled: Type.Optional(Type.Boolean()),
            first_name: Type.Optional(nameText),
            last_name: Type.Optional(lastNameSentBack),
            full_name: Type.Optional(fullName),
            phone_number: Type.Optional(phone),
          },
          exact,
        ),
        response: { 200: userBody },
      },
    },
    request => changeUser(deps, principalOf(request), request.params.id, request.body),
  );

  app.delete(
    '/users/:id',
    {
      config: { ...writing, problems: [...target, 'last_administrator'] },
      schema: { tags, summary: 'Remove an account for good', params: byId, response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      await removeUser(deps, principalOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.put(
    '/users/:id/roles',
    {
      config: {
        access: { permission: 'roles:write' },
        recent: true,
        limit: 'admin',
        problems: [...target, 'grant_exceeds_own', 'last_administrator'],
      },
      schema: {
        tags,
        summary: 'Replace the roles of an account',
        params: byId,
        body: Type.Object({ roles }, exact),
        response: { 200: userBody },
      },
    },
    request => setUserRoles(deps, principalOf(request), request.params.id, request.body.roles),
  );

  app.post(
    '/users/:id/logout',
    {
      config: {
        access: { permission: 'sessions:revoke' },
        recent: true,
        limit: 'admin',
        problems: [...target],
      },
      schema: {
        tags,
        summary: 'End every session of somebody',
        params: byId,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await logoutUser(deps, principalOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/users/:id/unlock',
    {
      config: { ...writing, problems: [...target] },
      schema: {
        tags,
        summary: 'Lift every lock of an account',
        params: byId,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await unlockUser(deps, principalOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/users/:id/mfa',
    {
      config: { ...writing, problems: [...target, 'factor_not_found'] },
      schema: {
        tags,
        summary: "Remove somebody's lost second factors",
        description:
          'The removal happens after 24 hours; passkeys stay. The owner is told by mail, and keeps the factors by using one of them or a passkey, by "This was not me" in that mail, or by `DELETE /users/me/mfa-removal`. A repeated request keeps the first date. The removal does not happen if whoever asked last has lost `users:write` by then, or lacks a permission that the owner holds.',
        params: byId,
        response: { 202: Type.Object({ due_at: Type.String({ format: 'date-time' }) }) },
      },
    },
    async (request, reply) => {
      const due = await removeUserFactors(deps, principalOf(request), request.params.id);
      return reply.code(202).send({ due_at: due.toISOString() });
    },
  );

  app.post(
    '/users/:id/password-reset',
    {
      config: { ...writing, problems: [...target, 'rate_limited'] },
      schema: {
        tags,
        summary: 'Mail somebody a reset link',
        params: byId,
        response: { 202: saying('A reset link is on its way to the owner') },
      },
    },
    async (request, reply) => {
      await sendUserReset(deps, principalOf(request), request.params.id);
      return reply.code(202).send({ message: 'A reset link is on its way to the owner' });
    },
  );
}
