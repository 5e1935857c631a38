import type { Account } from './account.ts';

/** What a mail greets its receiver by: nothing in an unproven mailbox, which may be a stranger's, and the name anybody's text. */
export function toldName({
  email_verified_at,
  first_name,
}: Pick<Account, 'email_verified_at' | 'first_name'>): { name?: string } {
  return email_verified_at === null ? {} : { name: first_name };
}
