/** The name that was probably meant: at most two letters away, one for short names, in any case; null where none is. */
export function nearestName(given: string, known: readonly string[]): string | null {
  const upper = given.toUpperCase();
  let best: string | null = null;
  let least = 3;
  for (const name of known) {
    // PATH, HOME and the like are not misspelt variables of ours.
    const tolerance = name.length < 6 ? 0 : name.length < 8 ? 1 : 2;
    if (Math.abs(name.length - upper.length) > tolerance) continue;
    const distance = editDistance(upper, name, tolerance);
    if (distance <= tolerance && distance < least) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** Insertions, removals and replacements that turn one text into the other (Levenshtein); Infinity where more than `most`. */
export function editDistance(from: string, to: string, most = Number.POSITIVE_INFINITY): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    // Every later row has at least as much, and a start compares each variable of the environment.
    if (Math.min(...next) > most) return Number.POSITIVE_INFINITY;
    row = next;
  }
  return row[to.length] as number;
}
