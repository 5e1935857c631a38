import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { createCredential as create, getCredential as get } from '../../test/support/authenticator.ts';
import { withoutChromium } from '../../test/support/chromium.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { type Answer, type Json, type PasskeyWorld, passkeyWorld } from '../../test/support/passkeys.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';

let world: PasskeyWorld;
let service: PasskeyWorld['service'];
beforeAll(async () => {
  world = await passkeyWorld();
  service = world.service;
});
afterAll(() => world.close());

async function withPasskey(options: Json = {}) {
  const ada: Person = await person(service);
  const { access_token: token } = await logIn(service, ada);
  const { page, authenticator } = await world.page(options);
  const added = await world.addPasskey(page, token);
  expect(added.status, JSON.stringify(added.body)).toBe(201);
  return { ada, token, page, authenticator, id: String(added.body.id) };
}

const amrOf = (answer: Answer) => world.claimsOf(answer).amr;

describe.skipIf(withoutChromium)('in Chromium', () => {
  test('a passkey is made, told by mail, and signs in whoever holds it without a name', async () => {
    const { ada, page, token } = await withPasskey({
      defaultBackupEligibility: true,
      defaultBackupState: true,
    });
    const mails = await mailsTo(service, ada.email);
    expect(mails.map(({ template, params }) => [template, params.factor])).toEqual([
      ['factor-added', 'passkey'],
    ]);
    const signedIn = await world.call('/token/passkey', { response: await world.assertion(page) });
    expect(signedIn.status, JSON.stringify(signedIn.body)).toBe(200);
    expect(amrOf(signedIn)).toEqual(['hwk', 'mfa']);
    expect(world.claimsOf(signedIn).sub).toBe(ada.id);
    const { passkeys } = (await service.call('GET', '/mfa/passkeys', { token })).json();
    expect(passkeys).toEqual([
      expect.objectContaining({
        name: 'Laptop',
        device_type: 'multi_device',
        backed_up: true,
        transports: ['internal'],
        last_used_at: service.deps.clock.now().toISOString(),
      }),
    ]);
  });

  test('each challenge is answered once, by one of two at once', async () => {
    const { page } = await withPasskey();
    const response = await world.assertion(page);
    const answers = await Promise.all([1, 2, 3].map(() => world.call('/token/passkey', { response })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401]);
    expect((await world.call('/token/passkey', { response })).body.code).toBe('passkey_refused');
  });

  test('a challenge is dead after five minutes', async () => {
    const { page } = await withPasskey();
    const response = await world.assertion(page);
    service.deps.clock.advance(301);
    expect((await world.call('/token/passkey', { response })).body.code).toBe('passkey_refused');
  });

  test('a counter that went back refuses, the trail says so, and the owner gets a mail (Web Authentication §7.2)', async () => {
    const { ada, page, authenticator } = await withPasskey();
    expect((await world.call('/token/passkey', { response: await world.assertion(page) })).status).toBe(200);
    const { credentials } = await authenticator.cdp.send('WebAuthn.getCredentials', {
      authenticatorId: authenticator.id,
    });
    const [copy] = credentials;
    if (copy === undefined) throw new Error('no credential');
    await authenticator.cdp.send('WebAuthn.clearCredentials', { authenticatorId: authenticator.id });
    await authenticator.cdp.send('WebAuthn.addCredential', {
      authenticatorId: authenticator.id,
      credential: { ...copy, signCount: 0 },
    });
    const tryCopy = async () =>
      (await world.call('/token/passkey', { response: await world.assertion(page) })).body.code;
    expect(await tryCopy()).toBe('passkey_refused');
    const events = () =>
      service.deps.db.rows(sql`
        select reason from audit_events where user_id = ${ada.id}::uuid and type = 'passkey.cloned'`);
    expect(await events()).toEqual([{ reason: 'counter_went_back' }]);
    await authenticator.cdp.send('WebAuthn.clearCredentials', { authenticatorId: authenticator.id });
    await authenticator.cdp.send('WebAuthn.addCredential', {
      authenticatorId: authenticator.id,
      credential: { ...copy, signCount: 0 },
    });
    expect(await tryCopy()).toBe('passkey_refused');
    expect(await events()).toHaveLength(2);
    // One mail a day, however often the copy is tried.
    const mails = (await mailsTo(service, ada.email)).filter(({ template }) => template === 'passkey-copied');
    expect(mails).toEqual([
      expect.objectContaining({
        params: expect.objectContaining({ addedAt: expect.any(String), ip: '127.0.0.1' }),
      }),
    ]);
  });

  test('a passkey answers the demand for a second factor, and only that of its owner', async () => {
    const { ada, page } = await withPasskey();
    await service.deps.db.run(sql`update users set mfa_enabled = true where id = ${ada.id}::uuid`);
    const login = await service.call('POST', '/token', {
      form: { username: ada.email, password: ada.password },
    });
    expect(login.json()).toMatchObject({ code: 'mfa_required', factors: ['passkey'] });
    const { mfa_token } = login.json();
    const foreign = await world.assertion(page);
    expect((await world.call('/token/mfa/passkey', { mfa_token, response: foreign })).body.code).toBe(
      'passkey_refused',
    );
    const { body } = await world.call('/token/mfa/passkey/options', { mfa_token });
    const answered = await world.call('/token/mfa/passkey', {
      mfa_token,
      response: await get(page, body.options),
    });
    expect(answered.status, JSON.stringify(answered.body)).toBe(200);
    expect(amrOf(answered)).toEqual(['pwd', 'hwk', 'mfa']);
    // By itself it is both.
    const alone = await world.call('/token/passkey', { response: await world.assertion(page) });
    expect(amrOf(alone)).toEqual(['hwk', 'mfa']);
  });

  test('a passkey renews the session that it belongs to', async () => {
    const { token, page } = await withPasskey();
    service.deps.clock.advance(601);
    expect((await world.call('/mfa/passkeys/options', {}, token)).body.code).toBe(
      'reauthentication_required',
    );
    const { body } = await world.call('/token/reauthenticate/passkey/options', {}, token);
    const fresh = await world.call(
      '/token/reauthenticate/passkey',
      { response: await get(page, body.options) },
      token,
    );
    expect(fresh.status, JSON.stringify(fresh.body)).toBe(200);
    expect((await world.call('/mfa/passkeys/options', {}, String(fresh.body.access_token))).status).toBe(200);
  });

  test('a passkey is made for one account, from one of our origins, with the person verified', async () => {
    const ada = await person(service);
    const bob = await person(service);
    const [{ access_token: hers }, { access_token: his }] = [
      await logIn(service, ada),
      await logIn(service, bob),
    ];
    const { page } = await world.page();
    const { body } = await world.call('/mfa/passkeys/options', {}, hers);
    const response = await create(page, body.options);
    expect((await world.call('/mfa/passkeys', { name: 'Mine', response }, his)).body.code).toBe(
      'passkey_refused',
    );

    const elsewhere = await testApp({ passkeys: { rpId: 'localhost', origins: ['https://id.example.com'] } });
    try {
      const eve = await person(elsewhere);
      const { access_token: token } = await logIn(elsewhere, eve);
      const options = (await elsewhere.call('POST', '/mfa/passkeys/options', { token })).json().options;
      const wrongOrigin = await elsewhere.call('POST', '/mfa/passkeys', {
        token,
        body: { name: 'X', response: await create(page, options) },
      });
      expect(wrongOrigin.json().code).toBe('passkey_refused');
    } finally {
      await elsewhere.close();
    }

    const careless = await world.page({
      transport: 'usb',
      hasResidentKey: false,
      hasUserVerification: false,
      isUserVerified: false,
    });
    const begun = await world.call('/mfa/passkeys/options', {}, hers);
    const lax = begun.body.options as Json;
    const unverified = await create(careless.page, {
      ...lax,
      authenticatorSelection: { residentKey: 'discouraged', userVerification: 'discouraged' },
    });
    expect((await world.call('/mfa/passkeys', { name: 'X', response: unverified }, hers)).body.code).toBe(
      'passkey_refused',
    );
  });

  test('several passkeys have names, and the last way in stays, however many are removed at once', async () => {
    const { ada, token, id } = await withPasskey();
    const { page } = await world.page();
    const second = String((await world.addPasskey(page, token, ' Phone ')).body.id);
    const renamed = await service.call('PATCH', `/mfa/passkeys/${id}`, { token, body: { name: 'Desk' } });
    expect(renamed.json().name).toBe('Desk');
    const list = (await service.call('GET', '/mfa/passkeys', { token })).json().passkeys;
    expect(list.map(({ name }: { name: string }) => name)).toEqual(['Desk', 'Phone']);
    await service.deps.db.run(sql`delete from passwords where user_id = ${ada.id}::uuid`);
    const removals = await Promise.all(
      [id, second].map(each => service.call('DELETE', `/mfa/passkeys/${each}`, { token })),
    );
    expect(removals.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([204, 409]);
    expect(removals.map(({ body }) => body).join()).toContain('last_way_in');
    const gone = removals[0]?.statusCode === 204 ? id : second;
    expect((await service.call('DELETE', `/mfa/passkeys/${gone}`, { token })).json().code).toBe(
      'factor_not_found',
    );
  });

  test('somebody else cannot rename or remove a passkey, and a disabled account is told so', async () => {
    const { ada, page, id } = await withPasskey();
    const { access_token: his } = await logIn(service, await person(service));
    for (const answer of [
      await service.call('PATCH', `/mfa/passkeys/${id}`, { token: his, body: { name: 'Mine' } }),
      await service.call('DELETE', `/mfa/passkeys/${id}`, { token: his }),
    ])
      expect(answer.json().code).toBe('factor_not_found');
    await service.deps.db.run(sql`
      update users set disabled_at = ${service.deps.clock.now()}::timestamptz where id = ${ada.id}::uuid`);
    expect((await world.call('/token/passkey', { response: await world.assertion(page) })).body.code).toBe(
      'account_disabled',
    );
  });
});

test('what no browser sends is refused, not stumbled over', async () => {
  const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const { body } = await world.call('/token/passkey/options');
  const { challenge } = body.options as { challenge: string };
  const response = (clientData: unknown) => ({
    id: 'AAAA',
    rawId: 'AAAA',
    type: 'public-key',
    response: { clientDataJSON: b64(clientData), authenticatorData: 'AAAA', signature: 'AAAA' },
  });
  for (const clientData of [
    null,
    1,
    {},
    { challenge: 5 },
    { type: 'webauthn.get', challenge, origin: world.origin },
  ]) {
    const answer = await world.call('/token/passkey', { response: response(clientData) });
    expect([answer.status, answer.body.code]).toEqual([401, 'passkey_refused']);
  }
});
