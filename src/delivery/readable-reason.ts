const MOST_CHARACTERS = 300;
// What is this long is told in part, too: who reads all but a few characters of a token guesses the rest.
const LONG = 16;
const PIECE = 8;

/**
 * What a server said of a message, as it may stand in the table, in the log and on a terminal: one short line that
 * PostgreSQL can hold, without these secrets. Some servers quote what they refuse.
 */
export function readableReason(said: string, secrets: readonly unknown[]): string {
  return withoutSecrets(said, secrets)
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS)
    .toWellFormed();
}

/** The same in full, for whoever else knows of secrets: of one that is cut, only the part that is left would be looked for. */
export function withoutSecrets(said: string, secrets: readonly unknown[]): string {
  let reason = said;
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret === '') continue;
    for (const spelt of new Set([secret, encodeURIComponent(secret)])) {
      reason = reason.replaceAll(spelt, '[secret]');
      if (spelt.length >= LONG) reason = withoutPieces(reason, spelt);
    }
  }
  return reason;
}

// A line of quoted-printable ends within a token (RFC 2045 §6.7), and a reply of a server within what it quotes.
function withoutPieces(reason: string, secret: string): string {
  let kept = '';
  for (let at = 0; at < reason.length; ) {
    let length = 0;
    while (at + length < reason.length && secret.includes(reason.slice(at, at + length + 1))) length++;
    kept += length < PIECE ? reason.charAt(at) : '[secret]';
    at += length < PIECE ? 1 : length;
  }
  return kept;
}
