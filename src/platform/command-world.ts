import type { Deps } from './deps.ts';
import { Problem } from './problems.ts';

/** What a command opens and closes. */
export interface CommandWorld {
  readonly deps: Deps;
  close(): Promise<void>;
}

export type Open = () => Promise<CommandWorld>;

/** Runs one command in the world, prints its lines, and says member by member what a 422 would say. */
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

/** For a terminal: no control characters out of stored text, nor any that turn a line around. */
export const printable = (text: string): string => text.replace(/\p{C}+/gu, ' ');
