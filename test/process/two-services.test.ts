import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../support/database.ts';
import { request, type ServiceProcess, startService } from '../support/service.ts';

// Two services on one database: what one answers holds on the other when the answer arrives.

const PASSWORD = 'Analytical-engine-1843';
let database: TestDatabase;
let services: readonly [ServiceProcess, ServiceProcess];

beforeAll(async () => {
  database = await testDatabase();
  const env = {
    DATABASE_URL: database.url,
    JWT_SECRET_KEY: 'jwt secret of two services, 32 bytes or more',
    AUTH_ROOT_SECRET: 'root secret of two services, 32 bytes or more',
    MIGRATE_ON_START: 'true',
    BCRYPT_COST: '4',
    RATE_LIMIT: 'off',
    PUBLIC_URL: 'http://localhost:8000',
  };
  services = await Promise.all([startService(env), startService(env)]);
}, 120_000);
afterAll(async () => {
  await Promise.all(services.map(service => service.stop('SIGTERM')));
  await database.close();
}, 60_000);

const on = (which: 0 | 1, method: string, path: string, options?: Parameters<typeof request>[2]) =>
  request(method, `${services[which].url}${path}`, options);
const other = (index: number) => (index % 2) as 0 | 1;
const many = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

let made = 0;
async function account(): Promise<string> {
  made++;
  const email = `person-${made}@example.com`;
  const begun = await on(0, 'POST', '/signup', {
    body: { first_name: 'Ada', last_name: 'Lovelace', email, phone_number: '+254712345678' },
  });
  const finished = await on(1, 'POST', '/signup/set-password', {
    body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token: begun.body.signup_token },
  });
  expect(finished.status, JSON.stringify(finished.body)).toBe(200);
  return email;
}
const login = async (which: 0 | 1, username: string) => {
  const answer = await on(which, 'POST', '/token', { form: { username, password: PASSWORD } });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body as { access_token: string; refresh_token: string };
};

test('step 2 of a sign-up works on the replica that did not see step 1; of twenty at once, one wins', async () => {
  const email = 'race@example.com';
  const begun = await on(0, 'POST', '/signup', {
    body: { first_name: 'A', last_name: 'B', email, phone_number: '+254712345678' },
  });
  const answers = await many(20, index =>
    on(other(index), 'POST', '/signup/set-password', {
      body: { email, password: PASSWORD, confirm_password: PASSWORD, signup_token: begun.body.signup_token },
    }),
  );
  expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([
    200,
    ...Array.from({ length: 19 }, () => 400),
  ]);
});

test('a logout on one is a 401 on the other when its answer arrives', async () => {
  const email = await account();
  for (let round = 0; round < 10; round++) {
    const { access_token: token, refresh_token } = await login(other(round), email);
    expect((await on(other(round + 1), 'GET', '/users/me', { token })).status).toBe(200);
    expect((await on(other(round), 'POST', '/logout', { token })).status).toBe(200);
    expect((await on(other(round + 1), 'GET', '/users/me', { token })).status).toBe(401);
    expect((await on(other(round + 1), 'POST', '/refresh-token', { body: { refresh_token } })).status).toBe(
      401,
    );
  }
});

test('fifty refreshes of one token on both give one successor and log nobody out', async () => {
  const { refresh_token } = await login(0, await account());
  const answers = await many(50, index =>
    on(other(index), 'POST', '/refresh-token', { body: { refresh_token } }),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
  const successors = new Set(answers.map(({ body }) => body.refresh_token));
  expect(successors.size).toBe(1);
  const [successor] = [...successors];
  expect((await on(1, 'POST', '/refresh-token', { body: { refresh_token: successor } })).status).toBe(200);
});

test('a grandparent token ends the session on both', async () => {
  const first = await login(0, await account());
  const second = await on(1, 'POST', '/refresh-token', { body: { refresh_token: first.refresh_token } });
  const third = await on(0, 'POST', '/refresh-token', { body: { refresh_token: second.body.refresh_token } });
  const answers = await many(10, index =>
    on(other(index), 'POST', '/refresh-token', { body: { refresh_token: first.refresh_token } }),
  );
  expect(answers.every(({ status }) => status === 401)).toBe(true);
  expect(answers.some(({ body }) => body.code === 'refresh_token_reused')).toBe(true);
  for (const which of [0, 1] as const) {
    expect((await on(which, 'GET', '/users/me', { token: third.body.access_token ?? '' })).status).toBe(401);
    const refused = await on(which, 'POST', '/refresh-token', {
      body: { refresh_token: third.body.refresh_token },
    });
    expect(refused.status).toBe(401);
  }
});

test('fifty wrong passwords at once on both get at most five 401, and the rest 429', async () => {
  const email = await account();
  const answers = await many(50, index =>
    on(other(index), 'POST', '/token', { form: { username: email, password: `wrong-${index}` } }),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter(status => status === 401)).toHaveLength(5);
  expect(statuses.filter(status => status === 429)).toHaveLength(45);
  const right = await on(1, 'POST', '/token', { form: { username: email, password: PASSWORD } });
  expect(right.status).toBe(429);
  expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(800);
});
