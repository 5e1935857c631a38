const MOST_CHARACTERS = 300;

/**
 * What a server said of a message, as it may stand in the table, in the log and on a terminal: one short line that
 * PostgreSQL can hold, without these secrets. Some servers quote what they refuse.
 */
export function readableReason(said: string, secrets: readonly unknown[]): string {
  let reason = said;
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret === '') continue;
    for (const spelt of [secret, encodeURIComponent(secret)]) reason = reason.replaceAll(spelt, '[secret]');
  }
  return reason
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS)
    .toWellFormed();
}
