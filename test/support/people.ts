import { createAccount } from '../../src/accounts/create.ts';
import type { Deps } from '../../src/platform/deps.ts';
import { sql } from '../../src/platform/sql.ts';
import type { TestApp } from './app.ts';

export const PASSWORD = 'Correct-horse-battery-1';

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

/** An account with a password, as sign-up leaves it, and the roles that are named. */
export async function person(
  { deps }: { readonly deps: Pick<Deps, 'clock' | 'db' | 'hasher' | 'random'> },
  { email = `${deps.random.uuid()}@example.com`, verified = true, roles = [] as string[] } = {},
): Promise<Person> {
  const hash = await deps.hasher.hash(PASSWORD);
  const id = await deps.db.transaction(async tx => {
    const account = await createAccount(deps, tx, {
      email,
      firstName: 'Ada',
      lastName: 'Lovelace',
      emailVerified: verified,
    });
    if (typeof account === 'string') throw new Error(account);
    await tx.run(sql`
      insert into passwords (user_id, hash, changed_at) values (${account.id}::uuid, ${hash}, ${deps.clock.now()}::timestamptz)`);
    for (const role of roles) {
      await tx.run(sql`
        insert into user_roles (user_id, role_name, granted_at)
        values (${account.id}::uuid, ${role}, ${deps.clock.now()}::timestamptz) on conflict do nothing`);
    }
    return account.id;
  });
  return { id, email, password: PASSWORD };
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
  readonly device_token?: string;
}

/** Logs a person in and returns the tokens. */
export async function logIn({ call }: Pick<TestApp, 'call'>, { email, password }: Person): Promise<Tokens> {
  const answer = await call('POST', '/token', { form: { username: email, password } });
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return answer.json();
}

/** A person who is logged in. */
export interface Member {
  readonly who: Person;
  readonly token: string;
}

/** Somebody new, logged in. */
export async function member(world: TestApp, options: Parameters<typeof person>[1] = {}): Promise<Member> {
  const who = await person(world, options);
  return { who, token: (await logIn(world, who)).access_token };
}

/** What somebody who follows an invitation sends. */
export function acceptInvitation(world: Pick<TestApp, 'call'>, token: string, change: object = {}) {
  const names = { first_name: 'Grace', last_name: 'Hopper' };
  return world.call('POST', '/invitations/accept', {
    body: { token, ...names, password: PASSWORD, confirm_password: PASSWORD, ...change },
  });
}
