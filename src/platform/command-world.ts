import type { Deps } from './deps.ts';
import { Problem } from './problems.ts';

/** What a command opens and closes. */
export interface CommandWorld {
  readonly deps: Deps;
  close(): Promise<void>;
}

export type Open = () => Promise<CommandWorld>;

/** Runs one command in its world and prints its lines. What would be a 422 becomes an error with a line for each issue. */
export async function withWorld(open: Open, work: (deps: Deps) => Promise<readonly string[]>): Promise<void> {
  const { deps, close } = await open();
  try {
    printLines(await work(deps));
  } catch (error) {
    if (!(error instanceof Problem) || error.issues === undefined) throw error;
    const issues = error.issues.map(({ loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`);
    throw new Error(issues.join('\n'), { cause: error });
  } finally {
    await close();
  }
}

/** Prints each on a line of its own. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map(line => `${line}\n`).join(''));
}

/** Makes stored text safe for a terminal: without control characters or any that reverse the direction of a line. */
export const printable = (text: string): string => text.replace(/\p{C}+/gu, ' ');

/** A value as JSON in one line that is safe for a terminal: `JSON.stringify` leaves some of these characters as they are. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(/\p{C}/gu, character =>
    Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(''),
  );

const escaped = (unit: number) => `\\u${unit.toString(16).padStart(4, '0')}`;

/** A value of ours for `jsonLine`, with the names that the API gives its members: `signsUntil` is `signs_until`. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
      snakeCased(member),
    ]),
  );
}

/** An option that may be repeated. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** The whole number from 1 to `most` that an option says in digits; null for anything else, as `1e2`, ` 5` or `0x10`. */
export function readCount(text: string, most: number): number | null {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= most ? count : null;
}
