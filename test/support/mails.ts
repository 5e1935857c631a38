import { sealContext } from '../../src/delivery/enqueue.ts';
import { sql } from '../../src/platform/sql.ts';
import type { TestApp } from './app.ts';

export interface QueuedMail {
  readonly template: string;
  readonly recipient: string;
  readonly params: Record<string, unknown>;
  readonly secrets: Record<string, string>;
}

/** What waits in the outbox for an address, oldest first, with its secrets opened. */
export async function mailsTo({ deps }: Pick<TestApp, 'deps'>, recipient: string): Promise<QueuedMail[]> {
  const rows = await deps.db.rows<{
    id: string;
    template: string;
    recipient: string;
    params: Record<string, unknown>;
    secrets_sealed: Buffer | null;
  }>(sql`
    select id, template, recipient, params, secrets_sealed from outbox where recipient = ${recipient} order by id`);
  return rows.map(({ id, template, params, secrets_sealed, ...rest }) => ({
    template,
    params,
    recipient: rest.recipient,
    secrets:
      secrets_sealed === null
        ? {}
        : JSON.parse(deps.secrets.open(sealContext(id), secrets_sealed).toString()),
  }));
}

/** The token of the last mail of this kind to an address. */
export async function mailedToken(
  world: Pick<TestApp, 'deps'>,
  template: string,
  to: string,
): Promise<string> {
  const mails = (await mailsTo(world, to)).filter(mail => mail.template === template);
  return mails.at(-1)?.secrets.token ?? 'no such mail';
}
