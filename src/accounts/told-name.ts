import type { Account } from './account.ts';

/**
 * The name that a mail greets by; none in an unproven mailbox. That may be a stranger's, and the name is whatever somebody
 * typed: nobody mails strangers a text of theirs through us.
 */
export function toldName({
  email_verified_at,
  first_name,
}: Pick<Account, 'email_verified_at' | 'first_name'>): { name?: string } {
  return email_verified_at === null ? {} : { name: first_name };
}
