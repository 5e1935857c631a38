import type { Account } from '../accounts/account.ts';
import { findAccountById, findAccountByLogin } from '../accounts/find.ts';
import type { Page } from '../platform/cursor.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';

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
    const lines = await work(deps);
    process.stdout.write(lines.map(line => `${line}\n`).join(''));
  } catch (error) {
    if (!(error instanceof Problem) || error.issues === undefined) throw error;
    const issues = error.issues.map(({ loc, msg }) => `${loc.slice(1).join('.')}: ${msg}`);
    throw new Error(issues.join('\n'), { cause: error });
  } finally {
    await close();
  }
}

/** The account that an operator names by id, address or username. Refuses with `user_not_found`. */
export async function namedAccount({ db }: Pick<Deps, 'db'>, name: string): Promise<Account> {
  const id = readUuid(name);
  const account = await (id === null ? findAccountByLogin(db, name) : findAccountById(db, id));
  if (account === null) throw new Problem('user_not_found');
  return account;
}

/** For a terminal: no control characters out of stored text. */
export const printable = (text: string): string => text.replace(/\p{C}+/gu, ' ');

export interface ListOptions {
  readonly limit: number;
  readonly all: boolean;
  readonly json: boolean;
}

/**
 * Prints a list, page by page: with `all` every one, otherwise the first, and then a word on standard error that there
 * are more, so that nobody takes a part for the whole.
 */
export async function printList<Item>(
  { limit, all, json }: ListOptions,
  list: (page: { limit: number; cursor: string | undefined }) => Promise<Page<Item>>,
  lineOf: (item: Item) => string,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await list({ limit: all ? LIST_MAX : limit, cursor });
    process.stdout.write(page.items.map(item => `${json ? JSON.stringify(item) : lineOf(item)}\n`).join(''));
    cursor = page.next_cursor ?? undefined;
  } while (all && cursor !== undefined);
  if (cursor !== undefined) process.stderr.write('There are more: --all lists every one.\n');
}

/** The most that one page of a list holds. */
export const LIST_MAX = 200;
