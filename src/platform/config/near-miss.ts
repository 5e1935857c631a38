// Pairs that people use for the same word; names are compared with the second in place of the first.
const SAME: Readonly<Record<string, string>> = {
  CERTIFICATE: 'CERT',
  DATABASE: 'DB',
  DAY: 'DAYS',
  DIRECTORY: 'DIR',
  EXPIRES: 'EXPIRE',
  EXPIRY: 'EXPIRE',
  HOSTNAME: 'HOST',
  LVL: 'LEVEL',
  MIN: 'MINUTES',
  MINS: 'MINUTES',
  MINUTE: 'MINUTES',
  PASS: 'PASSWORD',
  PASSWD: 'PASSWORD',
  PROXIES: 'PROXY',
  PWD: 'PASSWORD',
  SEC: 'SECONDS',
  SECOND: 'SECONDS',
  SECS: 'SECONDS',
  URI: 'URL',
  USERNAME: 'USER',
};
// Everyday names of other programs, a letter or two away from ours.
const OTHERS = new Set(['API_URL', 'SSL_CERT_FILE', 'SSL_KEY_FILE']);

/** Finds the known name that was probably meant by a given one; null where none is. */
export type NameFinder = (given: string) => string | null;

/**
 * A finder among these names, whatever the letter case: it finds the same words in another spelling, a name that lacks its
 * last word, or at most two typing errors, fewer for short names. A start asks it about each variable of the environment,
 * most of which are no mistakes, so it looks up first and compares only names with about the same letters.
 */
export function nameFinder(known: readonly string[]): NameFinder {
  const bySpelling = new Map<string, string>();
  for (const spell of [(words: string[]) => words, withoutLast, withoutLastOfFile]) {
    for (const name of known) {
      const words = spell(name.split('_'));
      const spelling = spellingOf(words);
      if (words.length > 1 && !bySpelling.has(spelling)) bySpelling.set(spelling, name);
    }
  }
  const candidates = known.map(name => ({ name, letters: lettersOf(name), most: errorsIn(name) }));

  return given => {
    const upper = given.toUpperCase();
    if (OTHERS.has(upper)) return null;
    const words = upper.split('_');
    const same = words.length > 1 ? bySpelling.get(spellingOf(words)) : undefined;
    if (same !== undefined) return same;
    const letters = lettersOf(upper);
    let best: string | null = null;
    let least = 3;
    for (const { name, letters: own, most } of candidates) {
      if (Math.abs(name.length - upper.length) > most) continue;
      // One typing error adds a letter, removes one, or does both.
      if (count(letters & ~own) > most || count(own & ~letters) > most) continue;
      const distance = editDistance(upper, name);
      if (distance <= most && distance < least) {
        best = name;
        least = distance;
      }
    }
    return best;
  };
}

const spellingOf = (words: readonly string[]) => words.map(word => SAME[word] ?? word).join('_');
const withoutLast = (words: string[]) => (words.length > 2 ? words.slice(0, -1) : []);
const withoutLastOfFile = (words: string[]) =>
  words.length > 3 && words.at(-1) === 'FILE' ? [...words.slice(0, -2), 'FILE'] : [];

// PATH, HOME and the like must not count as misspelt variables of ours, nor must AMQP_URL.
const errorsIn = ({ length }: string) => (length < 6 ? 0 : length < 10 ? 1 : 2);

/** The letters of a text as a set of 32 bits. */
function lettersOf(text: string): number {
  let set = 0;
  for (let index = 0; index < text.length; index++) set |= 1 << (text.charCodeAt(index) & 31);
  return set;
}

function count(set: number): number {
  let bits = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) bits += 1;
  return bits;
}

/** Insertions, removals, replacements and swaps of neighbours that turn one text into the other (Damerau-Levenshtein). */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped =
        from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
          ? (before[j - 2] as number) + 1
          : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    before = row;
    row = next;
  }
  return row[to.length] as number;
}
