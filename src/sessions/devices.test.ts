import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { deriveSecrets } from '../platform/secrets.ts';
import { sql } from '../platform/sql.ts';
import { type DeviceClaim, decodeDeviceToken, encodeDeviceToken } from '../throttle/devices.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ lockout: { attempts: 3, window: 900, duration: 900, maxDuration: 86_400 } });
});
afterAll(() => service.close());

const login = ({ email, password }: Person, more: Record<string, string> = {}) =>
  service.call('POST', '/token', { form: { username: email, password, ...more } });

async function lockStrangersOut(who: Person): Promise<void> {
  for (let index = 0; index < 3; index++) await login({ ...who, password: 'wrong' });
  expect((await login(who)).statusCode).toBe(429);
}

async function known(): Promise<{ who: Person; device: string; token: string; refresh: string }> {
  const who = await person(service);
  const tokens = await logIn(service, who);
  return {
    who,
    device: tokens.device_token ?? '',
    token: tokens.access_token,
    refresh: tokens.refresh_token,
  };
}

const loginWith = (cookie: string, { email, password }: Person) =>
  service.call('POST', '/token', { form: { username: email, password }, headers: { cookie } });

/** The cookie of a browser that has logged in. */
async function browserOf(who: Person): Promise<string> {
  const { headers } = await login(who);
  return String(headers['set-cookie']).split(';')[0] as string;
}

test('a known device logs in while strangers are locked out, and counts its own failures', async () => {
  const { who, device } = await known();
  await lockStrangersOut(who);
  expect((await login(who, { device_token: device })).statusCode).toBe(200);
  for (let index = 0; index < 3; index++)
    await login({ ...who, password: 'wrong' }, { device_token: device });
  expect((await login(who, { device_token: device })).statusCode).toBe(429);
});

test('a device is in the trail when it becomes known, and not when it comes again', async () => {
  const { who, device, token } = await known();
  expect((await login(who, { device_token: device })).statusCode).toBe(200);
  const { items } = (await service.call('GET', '/users/me/devices', { token })).json();
  const rows = await service.deps.db.rows(sql`
    select data ->> 'device' as device, session_id is not null as in_session from audit_events
    where user_id = ${who.id}::uuid and type = 'device.added'`);
  expect(rows).toEqual([{ device: items[0].id, in_session: true }]);
});

test('a browser that several people share has a cookie for each', async () => {
  const cookies = [await browserOf(await person(service)), await browserOf(await person(service))];
  const names = cookies.map(cookie => cookie.split('=')[0]);
  expect(new Set(names).size).toBe(2);
});

test('a device of one account is a stranger to another', async () => {
  const { device } = await known();
  const other = await person(service);
  await lockStrangersOut(other);
  expect((await login(other, { device_token: device })).statusCode).toBe(429);
});

test('a device that somebody else than this service names is a stranger', async () => {
  const { who, device } = await known();
  const claim = decodeDeviceToken(service.deps.secrets, device) as DeviceClaim;
  const forged = encodeDeviceToken(deriveSecrets('another root secret, 32 bytes or more'), claim);
  await lockStrangersOut(who);
  expect((await login(who, { device_token: forged })).statusCode).toBe(429);
  expect((await login(who, { device_token: device })).statusCode).toBe(200);
});

test('a device stays known after a logout', async () => {
  const { who, device, token } = await known();
  expect((await service.call('POST', '/logout', { token })).statusCode).toBe(200);
  await lockStrangersOut(who);
  expect((await login(who, { device_token: device })).statusCode).toBe(200);
});

describe('a device is a stranger again', () => {
  async function statusOf(who: Person, device: string): Promise<number> {
    await lockStrangersOut(who);
    return (await login(who, { device_token: device })).statusCode;
  }

  test('after a logout from everywhere', async () => {
    const { who, device, token } = await known();
    await service.call('POST', '/logout/all', { token });
    expect(await statusOf(who, device)).toBe(429);
  });

  test.each(['device_token', 'cookie'])('after a password reset, by %s', async by => {
    const { who, device } = await known();
    const cookie = await browserOf(who);
    const other = await known();
    await service.call('POST', '/password-reset/request', { body: { email: who.email } });
    const [mail] = await mailsTo(service, who.email);
    const fresh = 'Entirely-other-7';
    const reset = await service.call('POST', '/password-reset/confirm', {
      body: { token: mail?.secrets.token, new_password: fresh, confirm_new_password: fresh },
    });
    expect(reset.statusCode, reset.body).toBe(200);
    const renewed = { ...who, password: fresh };
    if (by === 'device_token') expect(await statusOf(renewed, device)).toBe(429);
    else {
      await lockStrangersOut(renewed);
      expect((await loginWith(cookie, renewed)).statusCode).toBe(429);
    }
    // Nobody else's session or device ends with it.
    expect((await service.call('GET', '/users/me', { token: other.token })).statusCode).toBe(200);
    expect(await statusOf(other.who, other.device)).toBe(200);
  });

  test('after a logout from everywhere, by its cookie too', async () => {
    const { who, token } = await known();
    const cookie = await browserOf(who);
    await lockStrangersOut(who);
    expect((await loginWith(cookie, who)).statusCode).toBe(200);
    await service.call('POST', '/logout/all', { token });
    expect((await loginWith(cookie, who)).statusCode).toBe(429);
  });

  test('after the theft of a refresh token', async () => {
    const { who, device, refresh } = await known();
    const next = (await service.call('POST', '/refresh-token', { body: { refresh_token: refresh } })).json();
    service.deps.clock.advance(60);
    await service.call('POST', '/refresh-token', { body: { refresh_token: next.refresh_token } });
    service.deps.clock.advance(60);
    const stolen = await service.call('POST', '/refresh-token', { body: { refresh_token: refresh } });
    expect(stolen.json().code).toBe('refresh_token_reused');
    expect(await statusOf(who, device)).toBe(429);
  });

  test('after its removal, which ends its sessions and no others', async () => {
    const { who, device, token } = await known();
    const elsewhere = await logIn(service, who);
    const listed = (await service.call('GET', '/users/me/devices', { token })).json();
    expect(listed.items).toHaveLength(2);
    expect(listed.items.filter((each: { current: boolean }) => each.current)).toHaveLength(1);
    const { id } = listed.items.find((each: { current: boolean }) => each.current);
    const removed = await service.call('DELETE', `/users/me/devices/${id}`, {
      token: elsewhere.access_token,
    });
    expect(removed.statusCode, removed.body).toBe(204);
    expect((await service.call('GET', '/users/me', { token })).json().code).toBe('token_revoked');
    expect((await service.call('GET', '/users/me', { token: elsewhere.access_token })).statusCode).toBe(200);
    const rows = await service.deps.db.rows(
      sql`select from audit_events where user_id = ${who.id}::uuid and type = 'device.removed'`,
    );
    expect(rows).toHaveLength(1);
    expect(await statusOf(who, device)).toBe(429);
  });
});

test('the removal of a device that a theft made a stranger meanwhile says that it ended what was left on it', async () => {
  const { who, device, token, refresh } = await known();
  const other = (await login(who, { device_token: device })).json();
  const elsewhere = await logIn(service, who);
  const { items } = (await service.call('GET', '/users/me/devices', { token })).json();
  const { id } = items.find(({ current }: { current: boolean }) => current);
  let refresh_token = refresh;
  for (let turn = 0; turn < 2; turn++) {
    refresh_token = (await service.call('POST', '/refresh-token', { body: { refresh_token } })).json()
      .refresh_token;
    service.deps.clock.advance(60);
  }
  const stolen = await service.call('POST', '/refresh-token', { body: { refresh_token: refresh } });
  expect(stolen.json().code).toBe('refresh_token_reused');
  expect((await service.call('GET', '/users/me', { token: other.access_token })).statusCode).toBe(200);

  const remove = () => service.call('DELETE', `/users/me/devices/${id}`, { token: elsewhere.access_token });
  expect((await remove()).statusCode).toBe(204);
  expect((await service.call('GET', '/users/me', { token: other.access_token })).statusCode).toBe(401);
  expect((await remove()).json().code).toBe('device_not_found');
});

describe('a login on a device that is removed meanwhile', () => {
  /** A device, and what its owner does elsewhere. */
  async function device() {
    const { who, device: device_token } = await known();
    const { access_token: token } = await logIn(service, who);
    const listed = async () => (await service.call('GET', '/users/me/devices', { token })).json().items;
    const { id } = (await listed()).find(({ current }: { current: boolean }) => !current);
    return {
      who,
      listed,
      enter: () => login(who, { device_token }),
      remove: () => service.call('DELETE', `/users/me/devices/${id}`, { token }),
    };
  }

  test('ends with it where it was being let in', async () => {
    const { who, listed, enter, remove } = await device();
    const { db } = service.deps;
    const [entering, removal] = await db.transaction(async tx => {
      await tx.row(sql`select from passwords where user_id = ${who.id}::uuid for update`);
      const first = enter();
      await waitingForLock(db);
      const second = remove();
      await Promise.race([second, waitingForLock(db, 2)]);
      return [first, second];
    });
    expect((await removal).statusCode).toBe(204);
    const { access_token: token } = (await entering).json();
    expect((await service.call('GET', '/users/me', { token })).json().code).toBe('token_revoked');
    expect(await listed()).toMatchObject([{ current: true }]);
  });

  test('is let in behind it, and does not make it known again', async () => {
    const { who, listed, enter, remove } = await device();
    const { db } = service.deps;
    const [removal, entering] = await db.transaction(async tx => {
      await tx.row(sql`select from users where id = ${who.id}::uuid for update`);
      const first = remove();
      await waitingForLock(db);
      const second = enter();
      await waitingForLock(db, 2);
      return [first, second];
    });
    expect((await removal).statusCode).toBe(204);
    expect((await entering).statusCode).toBe(200);
    expect(await listed()).toMatchObject([{ current: true }]);
  });
});

test("another's device cannot be removed", async () => {
  const { token } = await known();
  const other = await known();
  const { items } = (await service.call('GET', '/users/me/devices', { token: other.token })).json();
  const refused = await service.call('DELETE', `/users/me/devices/${items[0].id}`, { token });
  expect([refused.statusCode, refused.json().code]).toEqual([404, 'device_not_found']);
});

test('a session is listed until it ends: by a logout, unused for too long, or as old as it may be', async () => {
  const { who, token } = await known();
  await service.call('POST', '/logout', { token });
  const { clock, db } = service.deps;
  const sessions = [await logIn(service, who), await logIn(service, who), await logIn(service, who)];
  const [idle, old, here] = sessions.map(({ access_token }) => service.deps.keys.verify(access_token).sid);
  const listed = async () => {
    const { items } = (
      await service.call('GET', '/users/me/sessions', { token: sessions[2]?.access_token ?? '' })
    ).json();
    return new Set(items.map(({ id }: { id: string }) => id));
  };
  expect(await listed()).toEqual(new Set([idle, old, here]));
  const soon = new Date(clock.now().getTime() + 60_000);
  await db.run(sql`update sessions set idle_expires_at = ${soon} where id = ${idle}::uuid`);
  await db.run(sql`update sessions set expires_at = ${soon} where id = ${old}::uuid`);
  clock.advance(59);
  expect(await listed()).toEqual(new Set([idle, old, here]));
  clock.advance(1);
  expect(await listed()).toEqual(new Set([here]));
});

test('the owner is told of a login on a device that is new, but for the first of all, and one that calls itself as another of theirs', async () => {
  const [ada, bob] = [await person(service), await person(service)];
  const loginFrom = (who: Person, userAgent: string, more: Record<string, string> = {}) =>
    service.call('POST', '/token', {
      form: { username: who.email, password: who.password, ...more },
      headers: { 'user-agent': userAgent },
    });
  await loginFrom(bob, 'Phone/1');
  for (const userAgent of ['Laptop/1', 'Phone/1', 'Laptop/1'])
    expect((await loginFrom(ada, userAgent)).statusCode).toBe(200);
  const { device_token } = (await loginFrom(ada, 'Laptop/1')).json();
  // One that is known and was updated.
  await loginFrom(ada, 'Laptop/2', { device_token });
  const mails = (await mailsTo(service, ada.email)).filter(({ template }) => template === 'new-device');
  expect(mails).toMatchObject([{ params: { userAgent: 'Phone/1' } }]);
});
