import type { Table, ValuesOf, Variable } from './variable.ts';
import { brand } from './variables/brand.ts';
import { database } from './variables/database.ts';
import { delivery } from './variables/delivery.ts';
import { http } from './variables/http.ts';
import { limits } from './variables/limits.ts';
import { passwords } from './variables/passwords.ts';
import { signIn } from './variables/sign-in.ts';
import { tokens } from './variables/tokens.ts';

/** The variables by section, in the order in which they are documented. A new variable goes into one of these files. */
export const sections: Readonly<Record<string, Table>> = {
  Database: database,
  'Secrets, tokens and sessions': tokens,
  'HTTP and logging': http,
  'Mail and text messages': delivery,
  'Accounts and sign-in': signIn,
  Passwords: passwords,
  'Hosted pages': brand,
  'Lockout, rate limits, Redis and audit': limits,
};

/** Every variable there is. */
export const variables = {
  ...database,
  ...tokens,
  ...http,
  ...delivery,
  ...signIn,
  ...passwords,
  ...brand,
  ...limits,
};

export type Name = keyof typeof variables;
export type Values = ValuesOf<typeof variables>;

export const names = Object.keys(variables) as Name[];

/** The variable of a name, without the type of its value. */
export function variableOf(name: Name): Variable<unknown> {
  return variables[name];
}
