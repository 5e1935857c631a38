import { printLines } from '../platform/command-world.ts';
import type { Page } from '../platform/cursor.ts';

export interface ListOptions {
  readonly limit: number;
  readonly all: boolean;
  readonly json: boolean;
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
    printLines(page.items.map(item => (json ? JSON.stringify(item) : lineOf(item))));
    cursor = page.next_cursor ?? undefined;
  } while (all && cursor !== undefined);
  if (cursor !== undefined) process.stderr.write('There are more: --all lists all of them.\n');
}

/** The most that one page of a list holds. */
export const LIST_MAX = 200;
