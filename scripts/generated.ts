import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Writes the files that `script` makes from the code, by their paths below the root of the repository. With `--check` it only
 * compares them, and fails when one is out of date.
 */
export function keepUpToDate(files: Readonly<Record<string, string>>, script: string): void {
  const stale = Object.entries(files)
    .map(([name, text]) => ({ name, text, place: new URL(`../${name}`, import.meta.url) }))
    .filter(({ text, place }) => text !== read(place));
  if (!process.argv.includes('--check')) {
    for (const { text, place } of stale) writeFileSync(place, text);
  } else if (stale.length > 0) {
    const names = stale.map(({ name }) => name).join(' and ');
    process.stderr.write(`${names} not up to date: run node scripts/${script}\n`);
    process.exitCode = 1;
  }
}

function read(place: URL): string | null {
  try {
    return readFileSync(place, 'utf8');
  } catch {
    return null;
  }
}
