import type { IncomingHttpHeaders } from 'node:http';
import type { Deps } from '../platform/deps.ts';
import type { App } from '../platform/http/app.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import { isLocalRequest, mailboxEnabled } from './local-only.ts';
import { readMailbox } from './mailbox.ts';
import { MAILBOX_POLICY, mailboxPage, mailPage } from './mailbox-page.ts';

const config = { access: 'public', hidden: true } as const;
const query = Type.Object({ format: Type.Optional(Type.String()), to: Type.Optional(Type.String()) });

/** The development mailbox. It exists only on a developer's own machine without SMTP; elsewhere its paths answer 404. */
export function routes(app: App, deps: Deps): void {
  if (!mailboxEnabled(deps.config)) return;

  app.addHook('onRequest', async request => {
    if (!isLocalRequest(request.socket.remoteAddress, request.headers)) throw new Problem('not_found');
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('content-security-policy', MAILBOX_POLICY);
  });

  app.get('/dev/mailbox', { config, schema: { querystring: query } }, async (request, reply) => {
    const mails = await readMailbox(deps, { to: request.query.to ?? null });
    if (wantsJson(request)) return { items: mails };
    return reply.type('text/html; charset=utf-8').send(mailboxPage(mails));
  });

  app.get('/dev/mailbox.json', { config, schema: { querystring: query } }, async ({ query }) => ({
    items: await readMailbox(deps, { to: query.to ?? null }),
  }));

  app.get(
    '/dev/mailbox/:id',
    { config, schema: { querystring: query, params: Type.Object({ id: Type.String({ format: 'uuid' }) }) } },
    async (request, reply) => {
      const [mail] = await readMailbox(deps, { id: request.params.id, limit: 1 });
      if (mail === undefined) throw new Problem('not_found');
      if (wantsJson(request)) return mail;
      return reply.type('text/html; charset=utf-8').send(mailPage(mail));
    },
  );
}

function wantsJson({
  query,
  headers,
}: {
  query: { format?: string };
  headers: IncomingHttpHeaders;
}): boolean {
  return query.format === 'json' || headers.accept?.includes('application/json') === true;
}
