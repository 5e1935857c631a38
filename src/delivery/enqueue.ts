import type { Caller } from '../platform/caller.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Fragment } from '../platform/sql.ts';
import type { Mails, MailTemplate, Texts, TextTemplate } from './messages.ts';
import { insertMail, type OutboxRow, withdrawUnsent } from './queries.ts';
import { wakeDelivery } from './wake.ts';

export { insertMail, type OutboxRow } from './queries.ts';

interface Envelope {
  /** A Fragment names a column of the statement it becomes part of, as with `userId`. */
  readonly to: string | Fragment;
  /** Whose message it is: it is removed with the account. A Fragment names a column of the statement it becomes part of. */
  readonly userId?: string | null | Fragment;
  /** When the secret in it expires. A message that was not sent by then is dropped. */
  readonly expiresAt?: Date | null;
}

export type Mail<T extends MailTemplate> = Envelope & { readonly template: T } & Told<Mails[T]>;
export type Text<T extends TextTemplate> = Envelope & {
  readonly template: T;
  readonly to: string;
  readonly userId?: string | null;
} & Told<Texts[T]>;

type Told<M extends { params: object; secrets: object }> = Optional<'params', M['params']> &
  Optional<'secrets', M['secrets']>;
// A member is optional if everything in it is.
type Optional<Name extends string, Value> = object extends Value
  ? { readonly [Key in Name]?: Value }
  : { readonly [Key in Name]: Value };

type EnqueueDeps = Pick<Deps, 'db' | 'clock' | 'random' | 'secrets'>;

/** Writes a mail into the outbox: it is sent once `tx` commits, and never existed if `tx` rolls back. */
export async function enqueueMail<T extends MailTemplate>(
  deps: EnqueueDeps,
  tx: Tx,
  mail: Mail<T>,
): Promise<void> {
  await tx.run(insertMail(prepareMail(deps, mail)));
  wakeDelivery(deps.db);
}

/**
 * Writes a text message into the outbox. The caller has checked its number with `assertPhoneAllowed` and taken it from the
 * budgets with `takeSmsBudget`. An unsent message of the same kind to the same person is withdrawn: only the newest code works,
 * and after an outage the older one could arrive last.
 */
export async function enqueueSms<T extends TextTemplate>(
  deps: EnqueueDeps,
  tx: Tx,
  text: Text<T>,
): Promise<void> {
  if (!E164.test(text.to)) throw new Error('A text message needs a number in E.164.');
  const { userId = null, template } = text;
  const reason = 'another code took its place';
  await withdrawUnsent(tx, { userId, template, reason, now: deps.clock.now() });
  await tx.run(insertMail(rowOf(deps, 'sms', text)));
  wakeDelivery(deps.db);
}

/** Withdraws what was still to be texted to somebody whose phone `tx` removes. */
export function withdrawTexts({ clock }: Pick<Deps, 'clock'>, tx: Tx, userId: string): Promise<number> {
  return withdrawUnsent(tx, { userId, template: null, reason: 'the phone was removed', now: clock.now() });
}

/** The same as enqueueMail without the round trip: `insertMail(row)` is spliced into a statement of the caller's. */
export function prepareMail<T extends MailTemplate>(deps: EnqueueDeps, mail: Mail<T>): OutboxRow {
  if (typeof mail.to === 'string' && !ONE_ADDRESS.test(mail.to))
    throw new Error('A mail needs exactly one address, already normalised.');
  return rowOf(deps, 'mail', mail.template === 'account-closed' ? { ...mail, userId: null } : mail);
}

/** For a notice of what a caller did: from where, and when. */
export function whereOf({ ip, userAgent }: Caller, at: Date) {
  return { ip, userAgent, at: at.toISOString() };
}

/** What a sealed value is bound to, so that a row's secrets open in that row alone. */
export function sealContext(id: string): string {
  return `outbox:${id}`;
}

const E164 = /^\+[1-9]\d{6,14}$/;
// Admits no character that could turn one address into two recipients or a header.
const ONE_ADDRESS = /^[^\s,;:<>()"\\@]+@[^\s,;:<>()"\\@]+$/;

function rowOf(
  { clock, random, secrets }: EnqueueDeps,
  channel: OutboxRow['channel'],
  message: Envelope & { template: string; params?: object; secrets?: object },
): OutboxRow {
  const id = random.uuid();
  const sealed = message.secrets !== undefined && Object.keys(message.secrets).length > 0;
  return {
    id,
    channel,
    template: message.template,
    recipient: message.to,
    userId: message.userId ?? null,
    params: message.params ?? {},
    secretsSealed: sealed ? secrets.seal(sealContext(id), JSON.stringify(message.secrets)) : null,
    expiresAt: message.expiresAt ?? null,
    createdAt: clock.now(),
  };
}
