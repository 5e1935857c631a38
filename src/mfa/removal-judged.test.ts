import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { addTotp } from '../../test/support/totp.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { sql } from '../platform/sql.ts';
import { decide } from '../rbac/decide.ts';
import { operatorGranter } from '../rbac/operator.ts';
import { setRoles as grant } from '../rbac/set-roles.ts';
import { carryOutDueRemovals } from './removal.ts';

let service: TestApp;
let chief: Person;
beforeAll(async () => {
  service = await testApp();
  chief = await person(service, { roles: ['admin'] });
  const token = await tokenOf(chief);
  for (const [name, permission] of [
    ['desk', 'users:write'],
    ['auditor', 'audit:read'],
  ]) {
    const body = { name, description: '', permissions: [permission] };
    await service.call('POST', '/roles', { token, body });
  }
});
afterAll(() => service.close());

const tokenOf = async (who: Person) => (await logIn(service, who)).access_token;

const login = async ({ email, password }: Person) => {
  const answer = await service.call('POST', '/token', { form: { username: email, password } });
  return answer.json().code ?? answer.statusCode;
};

/** Somebody with an authenticator app. */
async function owner(): Promise<Person> {
  const who = await person(service);
  await addTotp(service, await tokenOf(who));
  return who;
}

async function ask(token: string, { id }: Person): Promise<void> {
  const answer = await service.call('DELETE', `/users/${id}/mfa`, { token });
  expect(answer.statusCode, answer.body).toBe(202);
}

/** What the chief does by HTTP, and that it went well. */
async function chiefDoes(method: 'PUT' | 'PATCH' | 'DELETE', url: string, body?: object): Promise<void> {
  const answer = await service.call(method, url, { token: await tokenOf(chief), ...(body && { body }) });
  expect(answer.statusCode, answer.body).toBeLessThan(300);
}

const setRoles = ({ id }: Person, roles: string[]) => chiefDoes('PUT', `/users/${id}/roles`, { roles });

const eventsOf = ({ id }: Person) =>
  service.deps.db.rows(sql`
    select type, outcome, reason, actor_kind from audit_events
    where user_id = ${id}::uuid and type in ('mfa.removal_cancelled', 'mfa.disabled') order by created_at, id`);

const refused = (reason: string) => [
  { type: 'mfa.removal_cancelled', outcome: 'refusal', reason, actor_kind: 'system' },
];
const done = [
  {
    type: 'mfa.disabled',
    outcome: 'success',
    reason: 'removal_by_administrator',
    actor_kind: 'system',
  },
];

describe('a removal is judged again when it happens', () => {
  test('by a login: somebody who was promoted above whoever asked keeps the factors', async () => {
    const ada = await owner();
    await ask(await tokenOf(await person(service, { roles: ['desk'] })), ada);
    await setRoles(ada, ['user', 'auditor']);
    service.deps.clock.advance(86_400);
    expect(await login(ada)).toBe('mfa_required');
    expect(await eventsOf(ada)).toEqual(refused('target_outranks_caller'));
    await setRoles(ada, ['user']);
    expect(await login(ada)).toBe('mfa_required');
  });

  test('and waits for a promotion that is being written', async () => {
    const { deps } = service;
    const ada = await owner();
    await ask(await tokenOf(await person(service, { roles: ['desk'] })), ada);
    deps.clock.advance(86_400);
    const granter = await operatorGranter(deps.db);
    let answer: ReturnType<typeof login> | undefined;
    await decide(deps, granter, { lock: 'change', event: { type: 'role.granted' } }, async (tx, held) => {
      const roles = ['user', 'auditor'];
      await grant(deps, tx, { granter, held }, { userId: ada.id, enabled: true, roles });
      answer = login(ada);
      await waitingForLock(deps.db);
    });
    expect(await answer).toBe('mfa_required');
    expect(await eventsOf(ada)).toEqual(refused('target_outranks_caller'));
  });

  test('by the maintenance: the right went with the role, the account, or its standing', async () => {
    const desks: Person[] = [];
    const owners: Person[] = [];
    for (const _ of [1, 2, 3]) {
      const [desk, ada] = [await person(service, { roles: ['desk'] }), await owner()];
      await ask(await tokenOf(desk), ada);
      desks.push(desk);
      owners.push(ada);
    }
    const [demoted, removed, disabled] = desks as [Person, Person, Person];
    await setRoles(demoted, ['user']);
    await chiefDoes('DELETE', `/users/${removed.id}`);
    await chiefDoes('PATCH', `/users/${disabled.id}`, { disabled: true });
    service.deps.clock.advance(86_400);
    await carryOutDueRemovals(service.deps, 500);
    for (const ada of owners) {
      expect(await eventsOf(ada)).toEqual(refused('permission_denied'));
      expect(await login(ada)).toBe('mfa_required');
    }
  });

  test('whoever asked and holds as much as the owner by then removes the factors, though logged out', async () => {
    const ada = await owner();
    const desk = await person(service, { roles: ['desk', 'auditor'] });
    const token = await tokenOf(desk);
    await ask(token, ada);
    await service.call('POST', '/logout', { token });
    await setRoles(ada, ['user', 'auditor']);
    service.deps.clock.advance(86_400);
    expect(await login(ada)).toBe(200);
    expect(await eventsOf(ada)).toEqual(done);
  });

  test('whoever asked last answers for it, and the trail names them', async () => {
    const ada = await owner();
    const desk = await person(service, { roles: ['desk'] });
    await ask(await tokenOf(desk), ada);
    await setRoles(ada, ['user', 'auditor']);
    await ask(await tokenOf(chief), ada);
    service.deps.clock.advance(86_400);
    expect(await login(ada)).toBe(200);
    const asked = await service.deps.db.rows<{ actor_id: string }>(sql`
      select actor_id from audit_events
      where user_id = ${ada.id}::uuid and type = 'mfa.removal_requested' order by created_at, id`);
    expect(asked.map(({ actor_id }) => actor_id)).toEqual([desk.id, chief.id]);
  });

  test('a service client answers as a person does', async () => {
    const body = { name: 'desk', permissions: ['users:write'] };
    const token = await tokenOf(chief);
    const made = await service.call('POST', '/clients', { token, body });
    // Another one that stays answers for none of what this one asked.
    await service.call('POST', '/clients', { token, body: { ...body, name: 'another' } });
    const { id, secret } = made.json();
    const basic = Buffer.from(`${id}:${secret}`).toString('base64');
    const ofClient = async () => {
      const answer = await service.call('POST', '/token', {
        form: { grant_type: 'client_credentials' },
        headers: { authorization: `Basic ${basic}` },
      });
      return String(answer.json().access_token);
    };
    const [ada, bob] = [await owner(), await owner()];
    await ask(await ofClient(), ada);
    service.deps.clock.advance(86_400);
    expect(await login(ada)).toBe(200);

    await ask(await ofClient(), bob);
    await chiefDoes('DELETE', `/clients/${id}`);
    service.deps.clock.advance(86_400);
    expect(await login(bob)).toBe('mfa_required');
    expect(await eventsOf(bob)).toEqual(refused('permission_denied'));
  });

  test('one of which nobody knows who asked is not carried out', async () => {
    const ada = await owner();
    const now = service.deps.clock.now();
    await service.deps.db.run(sql`
      insert into factor_removals (user_id, requested_at, due_at) values (${ada.id}::uuid, ${now}, ${now})`);
    expect(await login(ada)).toBe('mfa_required');
    expect(await eventsOf(ada)).toEqual(refused('permission_denied'));
  });
});
