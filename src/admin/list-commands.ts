import { type Command, InvalidArgumentError, Option } from 'commander';
import { jsonLine, printLines, readCount } from '../platform/command-world.ts';
import type { Page } from '../platform/cursor.ts';

/** The most that one page of a list holds. */
export const LIST_MAX = 200;

export interface ListOptions {
  readonly limit: number;
  readonly all: boolean;
  readonly json: boolean;
}

/** The options of a list: how many lines or all of them, and their form. */
export const listing = (list: Command): Command =>
  list
    .option('--limit <count>', `how many, up to ${LIST_MAX}`, count, 50)
    .addOption(new Option('--all', 'all of them').default(false).conflicts('limit'))
    .option('--json', 'one JSON object per line', false);

function count(text: string): number {
  const value = readCount(text, LIST_MAX);
  if (value === null)
    throw new InvalidArgumentError(
      `It must be a whole number from 1 to ${LIST_MAX}; --all lists all of them.`,
    );
  return value;
}

/**
 * Prints a list page by page: with `all` every page, otherwise the first. Where there are more, standard error says so,
 * so that nobody takes a part for the whole.
 */
export async function printList<Item>(
  { limit, all, json }: ListOptions,
  list: (page: { limit: number; cursor: string | undefined }) => Promise<Page<Item>>,
  lineOf: (item: Item) => string,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await list({ limit: all ? LIST_MAX : limit, cursor });
    printLines(page.items.map(item => (json ? jsonLine(item) : lineOf(item))));
    cursor = page.next_cursor ?? undefined;
  } while (all && cursor !== undefined);
  if (cursor !== undefined) process.stderr.write('There are more: --all lists all of them.\n');
}
