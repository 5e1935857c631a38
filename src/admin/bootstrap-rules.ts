import { isAddress } from '../accounts/normalize.ts';
import { checkOffline, checkSettings } from '../passwords/policy.ts';
import type { Judged } from '../platform/config/judged.ts';
import type { Config } from '../platform/config.ts';

/** Judges BOOTSTRAP_ADMIN_* with the rest of the configuration, before there is a database to make the account in. */
export function bootstrapRules({ values, fault }: Judged): void {
  const { BOOTSTRAP_ADMIN_EMAIL: email, BOOTSTRAP_ADMIN_PASSWORD: password } = values;
  if (typeof email === 'string' && !isAddress(email)) {
    fault(
      `BOOTSTRAP_ADMIN_EMAIL is no address that an account can have: ${email}. Write one such as admin@example.com.`,
    );
  }
  const { PASSWORD_MIN_LENGTH: minLength, PASSWORD_MAX_LENGTH: maxLength } = values;
  const { PASSWORD_REQUIRE: require, PASSWORD_BLOCKLIST: blocklist } = values;
  if (typeof password !== 'string' || minLength === undefined || maxLength === undefined) return;
  if (require === undefined || blocklist === undefined) return;
  const settings = { minLength, maxLength, require, blocklist };
  const issues = checkSettings(settings, { password, owner: { email: email ?? null } });
  if (issues.length > 0) fault(inWords(issues));
}

/**
 * The fault of a BOOTSTRAP_ADMIN_PASSWORD that is on the list of common passwords; null where there is none. Apart from
 * the rules, because the list is long and a service needs it only at its first start.
 */
export async function commonBootstrapPassword(config: Config): Promise<string | null> {
  if (config.bootstrap === null) return null;
  const { adminEmail: email, adminPassword: password } = config.bootstrap;
  const issues = await checkOffline({ config }, { password, owner: { email } });
  return issues.length === 0 ? null : inWords(issues);
}

function inWords(issues: readonly { readonly msg: string }[]): string {
  return `BOOTSTRAP_ADMIN_PASSWORD breaks the password policy: ${issues.map(({ msg }) => msg).join(' ')} Set another one, or remove BOOTSTRAP_ADMIN_* where there is an administrator.`;
}
