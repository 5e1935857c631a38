// What example files, tutorials and the original's README tell people to replace.
const EXAMPLES =
  /change[-_ ]?(me|this|it)|your[-_ ]?(own[-_ ]?)?(super[-_ ]?)?(secret|jwt|key)|replace[-_ ]?(me|this|with)|insert[-_ ]?your|placeholder|^(super|top)?[-_ ]?secret|^password|^test[-_ ]?secret|^<.*>$/i;
const LEAST_DISTINCT = 8;

/** Why a secret is weak, as the end of a sentence; null when nothing speaks against it. It never quotes the secret. */
export function weaknessOf(secret: string): string | null {
  if (EXAMPLES.test(secret)) return 'is an example that everybody knows';
  if (new Set(secret).size < LEAST_DISTINCT) return 'repeats a few characters';
  if (isRepetition(secret)) return 'repeats a short text';
  return null;
}

/** The length of a secret in UTF-8 bytes, which is what counts. */
export function byteLength(secret: string): number {
  return Buffer.byteLength(secret, 'utf8');
}

// "abcdefgh" four times over is 32 bytes and yet no more than eight.
function isRepetition(secret: string): boolean {
  const period = (secret + secret).indexOf(secret, 1);
  return period < secret.length && period <= 16;
}
