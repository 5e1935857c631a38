const MOST_CHARACTERS = 300;
// A secret this long is masked in parts, too: whoever reads all but a few characters of a token can guess the rest.
const LONG = 16;
const PIECE = 8;

/**
 * What a server said about a message, made fit for the table, the log and a terminal: one short line that PostgreSQL can hold,
 * without these secrets, since some servers quote what they refuse.
 */
export function readableReason(said: string, secrets: readonly unknown[]): string {
  return withoutSecrets(said, secrets)
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MOST_CHARACTERS)
    .toWellFormed();
}

/**
 * The same without the cut, for callers that know other secrets: in a text that was cut within a secret, that secret would not
 * be found whole.
 */
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

// Quoted-printable may break a line within a token (RFC 2045 §6.7), and a server's reply may end within what it quotes.
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
