import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { App } from '../../src/platform/http/app.ts';
import { sql } from '../../src/platform/sql.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { Browser } from '../support/browser.ts';
import { type HeldHasher, heldHasher } from '../support/held-hasher.ts';
import { mailedToken, mailsTo } from '../support/mails.ts';
import { logIn, member, PASSWORD, person } from '../support/people.ts';
import { openRaw, type RawConnection, type RawRequest } from '../support/raw-request.ts';
import { ada as names } from '../support/signup-steps.ts';

// Real connections to a listening service whose slot for hashes is taken; what else is asked goes to another replica.

const NEW = 'Entirely-other-7';
const chosen = { password: PASSWORD, confirm_password: PASSWORD };
const changed = { current_password: PASSWORD, new_password: NEW, confirm_new_password: NEW };

let world: TestApp;
let held: HeldHasher;
let app: App;
let port: number;
const connections: RawConnection[] = [];
beforeAll(async () => {
  world = await testApp();
  held = heldHasher(world.deps.config.passwords);
  app = await createApp({ ...world.deps, hasher: held.hasher });
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port;
});
afterEach(() => {
  for (const { socket } of connections.splice(0)) socket.destroy();
  vi.restoreAllMocks();
});
afterAll(async () => {
  await app.close();
  await world.close();
});

function send(...requests: RawRequest[]): RawConnection {
  const connection = openRaw(port);
  connections.push(connection);
  connection.send(...requests);
  return connection;
}

const login = (username: string, password = 'wrong'): RawRequest => ({
  path: '/token',
  form: { username, password },
});
const eventually = <T>(read: () => T, message?: string) =>
  expect.poll(read, { interval: 2, timeout: 10_000, ...(message !== undefined && { message }) });
const until = (what: keyof ReturnType<typeof held.hasher.stats>, count: number, message: string = what) =>
  eventually(() => held.hasher.stats()[what], message).toBe(count);
const counters = () =>
  world.deps.db.rows(
    sql`select failures, locks, locked_until from lockouts where failures > 0 order by subject`,
  );
const eventCount = async () =>
  (await world.deps.db.row<{ n: number }>(sql`select count(*)::int as n from audit_events`))?.n;

async function resetLink(): Promise<string> {
  const { email } = await person(world);
  await world.call('POST', '/password-reset/request', { body: { email } });
  return mailedToken(world, 'reset-password', email);
}

async function invitation(token: string): Promise<string> {
  const email = `${world.deps.random.uuid()}@example.com`;
  await world.call('POST', '/invitations', { token, body: { email, roles: ['user'] } });
  return mailedToken(world, 'invitation', email);
}

async function form(browser: Browser, path: string, fields: Record<string, string>): Promise<RawRequest> {
  const page = await browser.get(path);
  const form_token = / name="form_token" value="([^"]*)"/.exec(page.body)?.[1] ?? '';
  const [action = ''] = path.split('?');
  return { path: action, cookies: browser.cookies, form: { form_token, ...fields } };
}

async function signedIn(): Promise<Browser> {
  const { email } = await person(world);
  const browser = new Browser(world);
  await browser.submit(await browser.get('/account/sign-in'), { username: email, password: PASSWORD });
  return browser;
}

/** Every request that hashes, with what it says when it is sent again and somebody waits. */
async function hashing(): Promise<[string, RawRequest, status: number][]> {
  const root = await member(world, { roles: ['admin'] });
  const [one, two] = [await member(world), await member(world)];
  const email = `${world.deps.random.uuid()}@example.com`;
  const begun = await world.call('POST', '/signup', { body: { ...names, email } });
  const { signup_token } = begun.json();
  const newcomer = new Browser(world);
  const by = `${world.deps.random.uuid()}@example.com`;
  await newcomer.submit(await newcomer.get('/account/sign-up'), { ...names, email: by });
  const link = await resetLink();
  const [invited, other] = [await invitation(root.token), await invitation(root.token)];
  const reset = `/account/reset-password?token=${link}`;
  const accept = `/account/invitation?token=${other}`;
  return [
    ['a login', login(one.who.email, PASSWORD), 200],
    ['a sign-up', { path: '/signup/set-password', body: { ...chosen, email, signup_token } }, 200],
    [
      'a reset',
      {
        path: '/password-reset/confirm',
        body: { token: await resetLink(), new_password: NEW, confirm_new_password: NEW },
      },
      200,
    ],
    ['a change', { path: '/users/me/password', token: one.token, body: changed }, 204],
    ['a proof again', { path: '/token/reauthenticate', token: two.token, body: { password: PASSWORD } }, 200],
    ['an acceptance', { path: '/invitations/accept', body: { ...names, ...chosen, token: invited } }, 201],
    [
      'the page of a login',
      await form(new Browser(world), '/account/sign-in', { username: two.who.email, password: PASSWORD }),
      303,
    ],
    ['the page of a sign-up', await form(newcomer, '/account/sign-up/password', chosen), 303],
    [
      'the page of a reset',
      await form(new Browser(world), reset, { token: link, new_password: NEW, confirm_new_password: NEW }),
      303,
    ],
    ['the page of a change', await form(await signedIn(), '/account/password', changed), 303],
    [
      'the page of a proof again',
      await form(await signedIn(), '/account/confirm', { password: PASSWORD }),
      303,
    ],
    [
      'the page of an acceptance',
      await form(new Browser(world), accept, { ...names, ...chosen, token: other }),
      303,
    ],
  ];
}

test('whatever hashes gives its place back when its caller hangs up, says nothing of it, and works when it is sent again', async () => {
  const requests = await hashing();
  const before = { counters: await counters(), events: await eventCount() };
  const { log } = world.deps;
  const [error, warn] = [vi.spyOn(log, 'error'), vi.spyOn(log, 'warn')];
  await held.whileBusy(async () => {
    const sent = requests.map(([name, request]) => ({ name, connection: send(request) }));
    await until('waiting', requests.length);
    for (const [index, { name, connection }] of sent.entries()) {
      connection.socket.destroy();
      await until('waiting', requests.length - index - 1, name);
    }
    await eventually(() => counters()).toEqual(before.counters);
  });
  expect(await eventCount()).toBe(before.events);
  expect([error.mock.calls, warn.mock.calls]).toEqual([[], []]);
  // The login first: the change replaces the password of the same person.
  for (const [name, request, status] of requests) {
    const connection = send(request);
    await eventually(() => connection.statuses(), name).toEqual([status]);
  }
});

test('an attempt whose password nobody waited for counts for nothing, and the lock that it set ends, whoever has the name', async () => {
  const ada = await person(world);
  const { db } = world.deps;
  await db.run(sql`delete from lockouts`);
  for (const name of [ada.email, 'nobody@example.com'])
    for (let guess = 0; guess < 4; guess++)
      expect(
        (await world.call('POST', '/token', { form: { username: name, password: 'wrong' } })).statusCode,
      ).toBe(401);
  const before = await counters();
  const events = await eventCount();
  await held.whileBusy(async () => {
    for (let again = 0; again < 3; again++) {
      const sent = [send(login(ada.email)), send(login('nobody@example.com'))];
      await until('waiting', 2);
      expect(await counters()).toMatchObject([{ failures: 5 }, { failures: 5 }]);
      for (const { socket } of sent) socket.destroy();
      await eventually(() => counters()).toEqual(before);
    }
  });
  expect(await eventCount()).toBe(events);
  await logIn(world, ada);
});

test('a lock that ended because other attempts were given back is told to nobody as one that began', async () => {
  const ada = await person(world);
  const sent: RawConnection[] = [];
  await held.whileBusy(async () => {
    for (let guess = 1; guess <= 5; guess++) {
      sent.push(send(login(ada.email)));
      await until('waiting', guess);
    }
    expect(await counters()).toContainEqual({ failures: 5, locks: 1, locked_until: expect.any(Date) });
    for (const { socket } of sent.slice(0, -1)) socket.destroy();
    await eventually(() => counters()).toContainEqual({ failures: 1, locks: 0, locked_until: null });
  });
  await eventually(() => sent.at(-1)?.statuses()).toEqual([401]);
  const written = sql`select type from audit_events where user_id = ${ada.id}::uuid`;
  expect(await world.deps.db.rows(written)).toEqual([{ type: 'login.failed' }]);
  expect(await mailsTo(world, ada.email)).toEqual([]);
});

test('a password that was checked counts, also when its caller hangs up while it is', async () => {
  const ada = await person(world);
  const { db } = world.deps;
  for (let guess = 0; guess < 5; guess++) {
    await held.whileSlow(async () => {
      const { socket } = send(login(ada.email));
      await until('running', 1);
      socket.destroy();
      // The service has noticed.
      await eventually(() => promisify(app.server.getConnections.bind(app.server))()).toBe(0);
    });
    await until('running', 0);
  }
  const failed = sql`select from audit_events where user_id = ${ada.id}::uuid and type = 'login.failed'`;
  await eventually(async () => (await db.rows(failed)).length).toBe(5);
  const answer = await world.call('POST', '/token', { form: { username: ada.email, password: 'wrong' } });
  expect(answer.json().code).toBe('too_many_attempts');
});

test('only the end of its own connection drops a hash: that of all that was sent on it, the first request or a later one', async () => {
  const [ada, grace] = [await person(world), await person(world)];
  const kept = send(login(ada.email, PASSWORD));
  const used = send(login(grace.email, PASSWORD));
  await eventually(() => [kept.statuses(), used.statuses()]).toEqual([[200], [200]]);
  await held.whileBusy(async () => {
    kept.send(login(ada.email, PASSWORD));
    used.send(...Array.from({ length: 12 }, (_, index) => login(`nobody-${index}@example.com`)));
    await until('waiting', 13);
    used.socket.destroy();
    await until('waiting', 1);
  });
  await eventually(() => kept.statuses()).toEqual([200, 200]);
  expect(used.statuses()).toEqual([200]);
});

test('whoever ends their half of the connection gets no answer from Node any more, and counts as gone, in the metrics too', async () => {
  const ada = await person(world);
  await held.whileBusy(async () => {
    const { socket, ended } = send(login(ada.email, PASSWORD));
    await until('waiting', 1);
    socket.end();
    await until('waiting', 0);
    expect(await ended).toBe('');
  });
  const { dropped } = held.hasher.stats();
  expect(dropped).toBeGreaterThan(0);
  expect((await app.inject('/metrics')).body).toContain(`\npassword_hashes_dropped_total ${dropped}\n`);
});

test('nobody listens to the connection of a request that hashes nothing', async () => {
  const tokens = await logIn(world, await person(world));
  const listeners = vi.fn<() => number>();
  app.server.once('connection', socket => listeners.mockImplementation(() => socket.listenerCount('close')));
  const connection = send({ method: 'GET', path: '/livez' });
  await eventually(() => connection.statuses()).toEqual([200]);
  const bare = listeners();
  const { access_token: token, refresh_token } = tokens;
  const requests = [
    { method: 'GET', path: '/users/me', token },
    { path: '/refresh-token', body: { refresh_token } },
    { path: '/logout', token },
  ];
  for (const [index, request] of requests.entries()) {
    connection.send(request);
    await eventually(() => connection.statuses()).toEqual(Array(index + 2).fill(200));
  }
  expect(listeners()).toBe(bare);
  connection.send(login('stranger@example.com'));
  await eventually(() => connection.statuses().at(-1)).toBe(401);
  expect(listeners()).toBe(bare + 1);
});
