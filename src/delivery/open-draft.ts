import type { Secrets } from '../platform/secrets.ts';
import { sealContext } from './enqueue.ts';
import { noticeToken } from './notice.ts';
import type { StoredMessage } from './queries.ts';
import type { Draft } from './render.ts';

/** A row of the outbox as its template gets it: secrets opened, and the token for "this was not me" added. */
export function openDraft(secrets: Secrets, stored: StoredMessage): Draft {
  const { id, userId, secretsSealed, template, params, createdAt, expiresAt } = stored;
  const opened: Record<string, unknown> =
    secretsSealed === null ? {} : JSON.parse(secrets.open(sealContext(id), secretsSealed).toString());
  const notMe = userId === null ? {} : { notMeToken: noticeToken(secrets, id) };
  return { template, params, createdAt, expiresAt, secrets: { ...notMe, ...opened } };
}
