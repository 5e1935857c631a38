import type { Account } from '../accounts/account.ts';
import { findAccountById, findAccountByLogin } from '../accounts/find.ts';
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
