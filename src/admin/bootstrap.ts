import { createAccount } from '../accounts/create.ts';
import { findAccountByLogin } from '../accounts/find.ts';
import { normalizeEmail } from '../accounts/normalize.ts';
import { recordEvent, system } from '../audit/record.ts';
import { checkPolicy } from '../passwords/policy.ts';
import { setPassword } from '../passwords/set.ts';
import type { Db } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { StartError } from '../platform/start-error.ts';
import { decide } from '../rbac/decide.ts';
import { rolesOfUser } from '../rbac/effective.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { hasAdministrator } from '../rbac/set-roles.ts';

/**
 * Where there is no administrator, makes the first one from BOOTSTRAP_ADMIN_*, as a new verified account; of several
 * replicas that start at once, one does. Throws a StartError that names the variable and what to do for what
 * `bootstrapRules` could not see: a password that is common or was breached, and an address that already has an
 * account, since no variable promotes an existing account. Returns whether it made one.
 */
export async function bootstrapAdmin(deps: Deps): Promise<boolean> {
  const { db, hasher, config } = deps;
  if (config.bootstrap === null || (await hasAdministrator(db))) return false;
  const { adminPassword: password } = config.bootstrap;
  const { address } = normalizeEmail(config.bootstrap.adminEmail);
  const issues = await checkPolicy(deps, { password, owner: { email: address } });
  if (issues.length > 0)
    throw new StartError(
      `BOOTSTRAP_ADMIN_PASSWORD breaks the password policy: ${issues.map(({ msg }) => msg).join(' ')}`,
    );
  const hash = await hasher.hash(password);
  const granter = await operatorGranter(db);

  const event = { type: 'service.bootstrapped' } as const;
  const verdict = await decide(deps, granter, { lock: 'change', event }, async tx => {
    if (await hasAdministrator(tx)) return 'present';
    const roles = ['admin', 'user'];
    const account = await createAccount(deps, tx, {
      email: address,
      firstName: 'Administrator',
      lastName: '',
      emailVerified: true,
      roles,
    });
    if (typeof account === 'string') return 'taken';
    await setPassword(deps, tx, { userId: account.id, hash });
    await recordEvent(deps, tx, {
      ...event,
      outcome: 'success',
      actor: system,
      userId: account.id,
      caller: null,
      data: { roles },
    });
    return 'made';
  });
  if (verdict === 'taken')
    throw new StartError(
      `BOOTSTRAP_ADMIN_EMAIL: ${address} already has an account, which a variable does not promote. ` +
        `Run: npm run cli -- users set-roles ${address} ${(await promoted(db, address)).join(' ')}`,
    );
  return verdict === 'made';
}

// `users set-roles` replaces all roles, so it must name the present ones too.
async function promoted(db: Db, address: string): Promise<string[]> {
  const account = await findAccountByLogin(db, address);
  return ['admin', ...(account === null ? ['user'] : await rolesOfUser(db, account.id))];
}
