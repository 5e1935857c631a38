/**
 * Longest token that is looked at, in characters: the most that the headers of a request hold. Ours are below 2 KiB unless
 * someone holds hundreds of permissions.
 */
const MAX_TOKEN_LENGTH = 16_384;

/** The parts of a token, still in base64url. */
export interface CompactJws {
  readonly header: string;
  readonly payload: string;
  readonly signature: string;
  /** What was signed: header and payload. */
  readonly input: string;
}

const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

// How many low bits of the last character carry nothing, by the segment's length modulo 4 (RFC 4648 §3.5).
const UNUSED_BITS = [0, -1, 4, 2] as const;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * The segments of a JWS in compact serialization (RFC 7515 §7.1), or null if the text is none: it has another number of
 * segments, an empty one or a character outside the alphabet, is too long, or its signature ends in a character with stray
 * bits, which would give one token several spellings.
 */
export function splitCompact(token: string): CompactJws | null {
  if (token.length > MAX_TOKEN_LENGTH || !FORM.test(token)) return null;
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  const signature = token.slice(second + 1);
  // The signature covers the text of the other two segments, so each of them has only one spelling.
  if (!isCanonical(signature)) return null;
  return {
    header: token.slice(0, first),
    payload: token.slice(first + 1, second),
    signature,
    input: token.slice(0, second),
  };
}

function isCanonical(segment: string): boolean {
  const unused = UNUSED_BITS[(segment.length % 4) as 0 | 1 | 2 | 3];
  return unused !== -1 && (ALPHABET.indexOf(segment.at(-1) as string) & ((1 << unused) - 1)) === 0;
}

/**
 * The JSON object that a segment holds, or null if it holds none, or one that repeats a member: RFC 7515 §4 and RFC 7519 §4
 * let a verifier refuse those, and two readers of such a token could disagree about what it says.
 */
export function readJsonSegment(segment: string): Record<string, unknown> | null {
  const text = Buffer.from(segment, 'base64url').toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return repeatsMember(text, value) ? null : (value as Record<string, unknown>);
  } catch {
    return null;
  }
}

/** Whether an object of the JSON text names a member twice. `value` is what the text parses to. */
function repeatsMember(text: string, value: unknown): boolean {
  // A text that JSON.stringify would write the same, as all our own tokens are, repeats nothing.
  if (JSON.stringify(value) === text) return false;
  const open: (Set<string> | null)[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(null);
    else if (token === '}' || token === ']') open.pop();
    else if (token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1)) as string;
      const seen = open.at(-1);
      if (seen?.has(name)) return true;
      seen?.add(name);
    }
  }
  return false;
}
