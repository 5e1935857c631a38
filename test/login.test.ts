import { expect, test } from 'vitest';
import { sql } from '../src/platform/sql.ts';
import { testApp } from './support/app.ts';

test('log in, read, refresh, refresh again, theft, log out', async () => {
  const { call, deps, close } = await testApp();
  try {
    const id = deps.random.uuid();
    const now = deps.clock.now();
    await deps.db.run(sql`
      insert into users (id, email, username, first_name, last_name, full_name, created_at, updated_at)
      values (${id}::uuid, 'Ada@Example.com', 'Ada@Example.com', 'Ada', 'Lovelace', 'Ada Lovelace', ${now}::timestamptz, ${now}::timestamptz)`);
    await deps.db.run(
      sql`insert into identifiers (key, user_id, kind) values ('ada@example.com', ${id}::uuid, 'email')`,
    );
    await deps.db.run(sql`insert into user_roles values (${id}::uuid, 'user', ${now}::timestamptz)`);
    await deps.db.run(
      sql`insert into passwords (user_id, hash, changed_at) values (${id}::uuid, ${await deps.hasher.hash('Correct-horse-1')}, ${now}::timestamptz)`,
    );

    const wrong = await call('POST', '/token', { form: { username: 'ada@example.com', password: 'wrong' } });
    expect(wrong.statusCode).toBe(401);
    expect(wrong.json()).toMatchObject({
      detail: 'Incorrect username or password',
      code: 'invalid_credentials',
      error: 'invalid_grant',
    });

    const login = await call('POST', '/api/v1/token', {
      form: { username: 'ADA@example.COM', password: 'Correct-horse-1' },
    });
    expect(login.statusCode, login.body).toBe(200);
    const tokens = login.json();
    const me = await call('GET', '/users/me', { token: tokens.access_token });
    expect(me.statusCode, me.body).toBe(200);
    expect(me.json()).toMatchObject({ email: 'Ada@Example.com', roles: ['user'], disabled: false });

    const second = await call('POST', '/refresh-token', { body: { refresh_token: tokens.refresh_token } });
    expect(second.statusCode, second.body).toBe(200);
    const again = await call('POST', '/refresh-token', { body: { token: tokens.refresh_token } });
    expect(again.json().refresh_token).toBe(second.json().refresh_token);
    const many = await Promise.all(
      Array.from({ length: 20 }, () =>
        call('POST', '/refresh-token', { body: { refresh_token: second.json().refresh_token } }),
      ),
    );
    expect(new Set(many.map(answer => answer.json().refresh_token)).size).toBe(1);
    deps.clock.advance(11);
    const stolen = await call('POST', '/refresh-token', {
      body: { refresh_token: second.json().refresh_token },
    });
    expect(stolen.json().code).toBe('refresh_token_reused');
    const dead = await call('GET', '/users/me', { token: tokens.access_token });
    expect(dead.json().code).toBe('token_revoked');

    const back = (
      await call('POST', '/token', { form: { username: 'ada@example.com', password: 'Correct-horse-1' } })
    ).json();
    expect((await call('GET', '/users/me/sessions', { token: back.access_token })).json().items).toHaveLength(
      1,
    );
    expect((await call('POST', '/logout', { token: back.access_token })).json()).toEqual({
      message: 'Successfully logged out',
    });
    expect((await call('POST', '/logout', { token: back.access_token })).statusCode).toBe(401);
  } finally {
    await close();
  }
});

test('fifty wrong passwords at once with five attempts get five 401 and the rest 429', async () => {
  const { call, close } = await testApp();
  try {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        call('POST', '/token', { form: { username: 'nobody@example.com', password: 'x' } }),
      ),
    );
    expect(answers.filter(answer => answer.statusCode === 401)).toHaveLength(5);
    const locked = answers.filter(answer => answer.statusCode === 429);
    expect(locked).toHaveLength(45);
    expect(Number(locked[0]?.headers['retry-after'])).toBe(900);
  } finally {
    await close();
  }
});
