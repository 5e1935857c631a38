import type { Deps } from '../platform/deps.ts';
import { openDraft } from './open-draft.ts';
import { findUnsentMails } from './queries.ts';
import { renderMail } from './render.ts';

/** A mail as the development mailbox shows it: what its receiver would read. */
export interface MailboxMail {
  readonly id: string;
  readonly to: string;
  readonly template: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The links to go on with, in the order of the text. */
  readonly links: readonly string[];
  readonly created_at: string;
  readonly expired: boolean;
}

/** The newest mails that wait in the outbox, rendered; all of them, those to one address, or one by its id. */
export async function readMailbox(
  { db, clock, config, secrets }: Pick<Deps, 'db' | 'clock' | 'config' | 'secrets'>,
  { id = null, to = null, limit = 50 }: { id?: string | null; to?: string | null; limit?: number } = {},
): Promise<MailboxMail[]> {
  const rows = await findUnsentMails(db, { id, to, limit });
  return rows.map(row => {
    const { createdAt, expiresAt } = row;
    const mail = renderMail(config, openDraft(secrets, row));
    return {
      id: row.id,
      to: row.recipient,
      template: row.template,
      ...mail,
      links: mail.text.match(/^https?:\/\/\S+\?token=\S+$/gm) ?? [],
      created_at: createdAt.toISOString(),
      expired: expiresAt !== null && expiresAt <= clock.now(),
    };
  });
}
