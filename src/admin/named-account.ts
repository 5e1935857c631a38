import type { Account } from '../accounts/account.ts';
import { findAccountById, findAccountByLogin } from '../accounts/find.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';

/** The account that an operator names by id, address or username. Refuses with `user_not_found`. */
export async function namedAccount({ db }: Pick<Deps, 'db'>, name: string): Promise<Account> {
  const id = readUuid(name);
  const account = await (id === null ? findAccountByLogin(db, name) : findAccountById(db, id));
  if (account === null) throw new Problem('user_not_found');
  return account;
}
