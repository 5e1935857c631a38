import type { Account } from '../accounts/account.ts';
import { findAccountById, findAccountByLogin } from '../accounts/find.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';

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

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** The account that an operator names by id, address or username. Refuses with `user_not_found`. */
export async function namedAccount({ db }: Pick<Deps, 'db'>, name: string): Promise<Account> {
  const account = UUID.test(name) ? await findAccountById(db, name) : await findAccountByLogin(db, name);
  if (account === null) throw new Problem('user_not_found');
  return account;
}

/** For a terminal: no control characters out of stored text. */
export const printable = (text: string): string => text.replace(/\p{C}+/gu, ' ');
