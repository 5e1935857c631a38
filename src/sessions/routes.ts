import { presentUser, userBody } from '../accounts/account.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { optionalToken } from '../platform/http/opaque-token.ts';
import { pageBody, pageQuery } from '../platform/http/paging.ts';
import { exact, saying, Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { listDevices, removeDevice } from './devices.ts';
import { endOwnSession } from './end.ts';
import { listSessions, sessionBody } from './list.ts';
import { logout, logoutEverywhere } from './logout.ts';
import { bearerOf, userOf } from './principal.ts';
import { refresh } from './refresh.ts';
import { tokenBody } from './token.ts';
import { listenForTries } from './tries.ts';

const deviceBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ description: 'The user agent that the device sent.', examples: ['Mozilla/5.0'] }),
    created_at: Type.String({ format: 'date-time' }),
    last_seen_at: Type.String({ format: 'date-time', description: 'The last login.' }),
    current: Type.Boolean(),
  },
  { title: 'Device' },
);

/** Refresh and logout, and a person's own account, sessions and devices. */
export function routes(app: App, deps: KeysDeps): void {
  const leave = listenForTries(deps);
  app.addHook('onClose', async () => leave());

  app.post(
    '/refresh-token',
    {
      config: {
        access: 'public',
        limit: 'refresh',
        oauth: true,
        problems: ['refresh_token_required', 'invalid_refresh_token', 'refresh_token_reused'],
      },
      schema: {
        tags: ['Tokens'],
        summary: 'Exchange a refresh token for new tokens',
        description:
          'Each use gives a new refresh token. For a few seconds the previous refresh token gives the same successor again, so that a lost answer or two tabs log nobody out. Any older token ends the session.',
        querystring: Type.Object({ token: Type.Optional(Type.String({ deprecated: true })) }),
        body: Type.Optional(
          Type.Union([
            Type.Null(),
            Type.Object(
              {
                refresh_token: optionalToken(),
                token: optionalToken(),
              },
              exact,
            ),
          ]),
        ),
        response: { 200: tokenBody },
      },
    },
    request => {
      const token = request.body?.refresh_token || request.body?.token || request.query.token;
      if (token === undefined || token === '') throw new Problem('refresh_token_required');
      return refresh(deps, callerOf(request), token);
    },
  );

  app.post(
    '/logout',
    {
      config: { access: 'token' },
      schema: {
        tags: ['Tokens'],
        summary: 'End this session',
        response: { 200: saying('Successfully logged out') },
      },
    },
    async request => {
      await logout(deps, bearerOf(request));
      return { message: 'Successfully logged out' as const };
    },
  );

  app.post(
    '/logout/all',
    {
      config: { access: 'user' },
      schema: {
        tags: ['Tokens'],
        summary: 'End all my sessions',
        response: { 200: saying('Successfully logged out everywhere') },
      },
    },
    async request => {
      await logoutEverywhere(deps, userOf(request));
      return { message: 'Successfully logged out everywhere' as const };
    },
  );

  app.get(
    '/users/me',
    {
      config: { access: 'user' },
      schema: { tags: ['Users'], summary: 'My account', response: { 200: userBody } },
    },
    async request => {
      const { account, roles } = userOf(request);
      return presentUser(account, roles);
    },
  );

  app.get(
    '/users/me/sessions',
    {
      config: { access: 'user' },
      schema: {
        tags: ['Users'],
        summary: 'Where I am logged in, the latest first',
        querystring: pageQuery,
        response: { 200: pageBody(sessionBody) },
      },
    },
    request => listSessions(deps, userOf(request), request.query),
  );

  app.get(
    '/users/me/devices',
    {
      config: { access: 'user' },
      schema: {
        tags: ['Users'],
        summary: 'Devices that are known for my account, the latest first',
        description: 'Failed attempts of others do not lock these devices out.',
        querystring: pageQuery,
        response: { 200: pageBody(deviceBody) },
      },
    },
    request => listDevices(deps, userOf(request), request.query),
  );

  app.delete(
    '/users/me/devices/:id',
    {
      config: { access: 'user', problems: ['device_not_found'] },
      schema: {
        tags: ['Users'],
        summary: 'Forget a device, and end its sessions',
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await removeDevice(deps, userOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );

  app.delete(
    '/users/me/sessions/:id',
    {
      config: { access: 'user', problems: ['session_not_found'] },
      schema: {
        tags: ['Users'],
        summary: 'End one of my sessions',
        params: Type.Object({ id: Type.String({ format: 'uuid' }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      await endOwnSession(deps, userOf(request), request.params.id);
      return reply.code(204).send(null);
    },
  );
}
