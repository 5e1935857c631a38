import { loadOnce } from '../platform/load-once.ts';

/**
 * Whether a password is one of the 49,233 common ones that zxcvbn ships, in any case (NIST SP 800-63B §3.1.1.2). The
 * list is loaded by the first call and costs some 5 MiB from then on.
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  return (await commonPasswords()).has(password.toLowerCase());
}

const commonPasswords = loadOnce(async (): Promise<ReadonlySet<string>> => {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  return new Set((dictionary['passwords-common'] ?? []).map(String));
});
