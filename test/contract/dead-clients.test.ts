// http-api.md **Tokens**, **Authorization**: the token of a client that is gone is as dead as any other.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectProblem, type Judge } from '../support/contract.ts';
import { member } from '../support/people.ts';

let world: TestApp & { judge: Judge };
let admin: string;
beforeAll(async () => {
  world = await contractApp();
  admin = (await member(world, { roles: ['admin'] })).token;
});
afterAll(() => world.close());

interface Client {
  readonly id: string;
  readonly headers: Record<string, string>;
  readonly token: string;
}

async function client(name: string, ...permissions: string[]): Promise<Client> {
  const made = await world.call('POST', '/clients', { token: admin, body: { name, permissions } });
  const { id, secret } = made.json();
  const headers = { authorization: `Basic ${btoa(`${id}:${secret}`)}` };
  const form = { grant_type: 'client_credentials' };
  const answer = await world.call('POST', '/token', { form, headers });
  return { id, headers, token: answer.json().access_token };
}

const introspect = async (by: Client, token: string) =>
  (await world.call('POST', '/introspect', { form: { token }, headers: by.headers })).json();

/** Every guarded route answers this token with 401 and the code. */
async function expectRefused(token: string, code: 'invalid_token' | 'token_revoked'): Promise<void> {
  const guarded = world.judge.operations.filter(({ security }) => 'bearer' in (security[0] ?? {}));
  expect(guarded.map(({ path }) => path)).toEqual(expect.arrayContaining(['/logout', '/users/me', '/users']));
  for (const { method, path } of guarded) {
    const url = path.replaceAll(/\{\w+\}/g, '019300f4-6f00-7000-8000-000000000001');
    const answer = await world.call(method as 'GET', url, { token });
    expect(answer.statusCode, `${method} ${path}`).toBe(401);
    expectProblem(answer, code);
    expect(answer.headers['www-authenticate'], `${method} ${path}`).toMatch(/^Bearer error="invalid_token"/);
  }
}

test('the token of a client that was removed is refused everywhere, and introspected as inactive', async () => {
  const [reader, gone] = [await client('reader', 'tokens:introspect'), await client('gone', 'users:read')];
  expect(await introspect(reader, gone.token)).toMatchObject({ active: true, client_id: gone.id });
  expect((await world.call('DELETE', `/clients/${gone.id}`, { token: admin })).statusCode).toBe(204);
  await expectRefused(gone.token, 'invalid_token');
  expect(await introspect(reader, gone.token)).toEqual({ active: false });
});

test('so is a token that its client revoked', async () => {
  const own = await client('own', 'tokens:introspect');
  const form = { token: own.token };
  expect((await world.call('POST', '/revoke', { form, headers: own.headers })).statusCode).toBe(200);
  await expectRefused(own.token, 'token_revoked');
  expect(await introspect(own, own.token)).toEqual({ active: false });
});
