import { sql } from '../../src/platform/sql.ts';
import type { TestApp } from './app.ts';

export interface Person {
  readonly id: string;
  readonly email: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

const PASSWORD = 'Correct-horse-7';
let people = 0;

/** Somebody who signed up and logged in through the public door; with these permissions by a role of their own. */
export async function signedIn({ call, deps }: TestApp, ...permissions: string[]): Promise<Person> {
  const email = `person${people++}@example.com`;
  const names = { first_name: 'Ada', last_name: 'Lovelace', phone_number: '+254712345678' };
  const { signup_token } = (await call('POST', '/signup', { body: { ...names, email } })).json();
  const made = await call('POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token },
  });
  const { id } = made.json();
  if (permissions.length > 0) {
    const role = `role-of-${id}`;
    await deps.db.run(
      sql`insert into roles (name, description, created_at) values (${role}, '', ${deps.clock.now()})`,
    );
    await deps.db.run(sql`insert into role_permissions (role_name, permission_name)
      select ${role}, name from unnest(${permissions}::text[]) as name`);
    await deps.db.run(
      sql`insert into user_roles (user_id, role_name, granted_at) values (${id}, ${role}, ${deps.clock.now()})`,
    );
  }
  const tokens = (await call('POST', '/token', { form: { username: email, password: PASSWORD } })).json();
  return { id, email, accessToken: tokens.access_token, refreshToken: tokens.refresh_token };
}
