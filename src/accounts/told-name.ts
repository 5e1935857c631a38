import type { Account } from './account.ts';

/**
 * The name that a mail greets by; none if the mailbox is unproven. It may be a stranger's, and the name is whatever somebody
 * typed: nobody can mail strangers a text of their own through this service.
 */
export function toldName({
  email_verified_at,
  first_name,
}: Pick<Account, 'email_verified_at' | 'first_name'>): { name?: string } {
  return email_verified_at === null ? {} : { name: first_name };
}
