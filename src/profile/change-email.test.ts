import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailedToken, mailsTo } from '../../test/support/mails.ts';
import { logIn, type Member, member as newMember, person } from '../../test/support/people.ts';
import { softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { readMailbox } from '../delivery/mailbox.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const member = (options?: Parameters<typeof person>[1]) => newMember(world, options);
const put = ({ token }: Member, body: object) => world.call('PUT', '/users/me', { token, body });
const me = async ({ token }: Member) => (await world.call('GET', '/users/me', { token })).json();
const fresh = () => `${world.deps.random.uuid()}@example.com`;
const mailed = (template: string, to: string) => mailedToken(world, template, to);

/** Somebody whose change of address waits for either mailbox. */
async function changing() {
  const ada = await member();
  const next = fresh();
  await put(ada, { email: next });
  const confirm = await mailed('email-change-confirm', next);
  return { ada, confirm, notice: await mailed('email-change-notice', ada.who.email) };
}

describe('a change of address', () => {
  test('waits for the new mailbox, tells the old one, and the username follows', async () => {
    const ada = await member();
    const next = fresh();
    const answer = await put(ada, { email: next });
    expect(answer.json()).toMatchObject({ email: ada.who.email, pending_email: next });
    expect((await mailsTo(world, ada.who.email)).map(({ template }) => template)).toContain(
      'email-change-notice',
    );

    const token = await mailed('email-change-confirm', next);
    const confirmed = await world.call('POST', `/verify-email/${token}`);
    expect([confirmed.statusCode, confirmed.json()]).toEqual([
      200,
      { message: 'Email verified successfully' },
    ]);
    expect(await me(ada)).toMatchObject({
      email: next,
      username: next,
      pending_email: null,
      email_verified: true,
    });
    expect((await mailsTo(world, ada.who.email)).map(({ template }) => template)).toContain('email-changed');
    const again = await world.call('POST', `/verify-email/${token}`);
    expect([again.statusCode, again.json().detail]).toEqual([404, 'Invalid verification token']);
    const old = await world.call('POST', '/token', {
      form: { username: ada.who.email, password: ada.who.password },
    });
    expect(old.statusCode).toBe(401);
  });

  test('tells an unproven mailbox nothing that whoever signed up with it chose, and a proven one where it went', async () => {
    for (const verified of [true, false]) {
      const ada = await member({ verified });
      const next = `www.${world.deps.random.uuid()}.example/login@example.com`;
      await put(ada, { email: next });
      await world.call('POST', `/verify-email/${await mailed('email-change-confirm', next)}`);
      const notices = (await readMailbox(world.deps, { to: ada.who.email })).filter(({ template }) =>
        template.startsWith('email-change'),
      );
      expect(notices.map(({ template }) => template)).toEqual(['email-changed', 'email-change-notice']);
      for (const { subject, text, html } of notices)
        expect([subject, text, html].join().includes(next), text).toBe(verified);
    }
  });

  test('needs a recent login, which the present address and the names do not', async () => {
    const ada = await member();
    world.deps.clock.advance(601);
    expect((await put(ada, { email: fresh() })).json().code).toBe('reauthentication_required');
    expect((await put(ada, { email: ada.who.email, first_name: 'Ada' })).statusCode).toBe(200);
  });

  test('an address that somebody has is refused, also when it was taken meanwhile', async () => {
    const [ada, eve] = [await member(), await member()];
    const taken = await put(ada, { email: eve.who.email.toUpperCase() });
    expect([taken.statusCode, taken.json().code]).toEqual([409, 'address_taken']);

    const wanted = fresh();
    await put(ada, { email: wanted });
    await person(world, { email: wanted });
    const late = await world.call('POST', `/verify-email/${await mailed('email-change-confirm', wanted)}`);
    expect([late.statusCode, late.json().code]).toEqual([409, 'address_taken']);
    expect((await me(ada)).email).toBe(ada.who.email);
  });

  test('of ten confirmations at once for one address, one account gets it', async () => {
    const wanted = fresh();
    const callers = await Promise.all(Array.from({ length: 10 }, () => member()));
    await Promise.all(callers.map(caller => put(caller, { email: wanted })));
    const tokens = (await mailsTo(world, wanted)).map(({ secrets }) => secrets.token);
    expect(tokens).toHaveLength(10);
    const answers = await Promise.all(tokens.map(token => world.call('POST', `/verify-email/${token}`)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 9 }, () => 409),
    ]);
  });

  test('the old address is kept for 72 hours, and its owner puts it back, which ends every session', async () => {
    const ada = await member();
    const next = fresh();
    await put(ada, { email: next });
    await world.call('POST', `/verify-email/${await mailed('email-change-confirm', next)}`);
    await expect(person(world, { email: ada.who.email })).rejects.toThrow('email_taken');

    // Whoever took the account over goes on to a third address.
    const third = fresh();
    await put(ada, { email: third });
    await world.call('POST', `/verify-email/${await mailed('email-change-confirm', third)}`);

    world.deps.clock.advance(71 * 3600);
    const undo = await mailed('email-changed', ada.who.email);
    const answer = await world.call('POST', '/email-change/undo', { body: { token: undo } });
    expect(answer.statusCode).toBe(200);
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);
    const back = await logIn(world, ada.who);
    expect(await me({ who: ada.who, token: back.access_token })).toMatchObject({
      email: ada.who.email,
      username: ada.who.email,
      pending_email: null,
    });
    expect((await mailsTo(world, ada.who.email)).map(({ template }) => template)).toContain('reset-password');
    const replay = await world.call('POST', '/email-change/undo', { body: { token: undo } });
    expect(replay.json().code).toBe('invalid_verification_token');
    await person(world, { email: third });
  });

  describe('whoever took the account over cannot cut its owner off by undoing a change of their own', () => {
    async function takenOver() {
      const ada = await member();
      const stolen = fresh();
      await put(ada, { email: stolen });
      await world.call('POST', `/verify-email/${await mailed('email-change-confirm', stolen)}`);
      const third = fresh();
      await put(ada, { email: third });
      return { ada, stolen, third };
    }
    const undo = async (template: string, to: string) => {
      const body = { token: await mailed(template, to) };
      return (await world.call('POST', '/email-change/undo', { body })).statusCode;
    };
    const owned = async ({ who }: Member) => {
      const { access_token: token } = await logIn(world, who);
      return (await me({ who, token })).email;
    };

    test('that waits', async () => {
      const { ada, stolen } = await takenOver();
      expect(await undo('email-change-notice', stolen)).toBe(200);
      expect(await undo('email-changed', ada.who.email)).toBe(200);
      expect(await owned(ada)).toBe(ada.who.email);
    });

    test('and an administrator who stops them does not either', async () => {
      const { ada } = await takenOver();
      const { token } = await member({ roles: ['admin'] });
      for (const disabled of [true, false])
        await world.call('PATCH', `/users/${ada.who.id}`, { token, body: { disabled } });
      expect(await undo('email-changed', ada.who.email)).toBe(200);
      expect(await owned(ada)).toBe(ada.who.email);
    });

    test('that was confirmed, and the later address is free', async () => {
      const { ada, stolen, third } = await takenOver();
      await world.call('POST', `/verify-email/${await mailed('email-change-confirm', third)}`);
      world.deps.clock.advance(3600);
      expect(await undo('email-changed', stolen)).toBe(200);
      await person(world, { email: third });
      await expect(person(world, { email: ada.who.email })).rejects.toThrow('email_taken');
      expect(await undo('email-changed', ada.who.email)).toBe(200);
      expect(await owned(ada)).toBe(ada.who.email);
      await person(world, { email: stolen });
    });
  });

  test('the notice of it promises no more than holds where the new mailbox confirms at once: 72 hours', async () => {
    const { ada, confirm, notice } = await changing();
    const mails = await readMailbox(world.deps, { to: ada.who.email });
    const text = mails.find(({ template }) => template === 'email-change-notice')?.text;
    expect(text).toContain('If it was not you, stop the change within 72 hours');
    await world.call('POST', `/verify-email/${confirm}`);
    world.deps.clock.advance(72 * 3600 - 1);
    const undone = await world.call('POST', '/email-change/undo', { body: { token: notice } });
    expect(undone.statusCode).toBe(200);
  });

  test('after 72 hours the old address is free, and the link that undoes is worth nothing', async () => {
    const ada = await member();
    const next = fresh();
    await put(ada, { email: next });
    const notice = await mailed('email-change-notice', ada.who.email);
    await world.call('POST', `/verify-email/${await mailed('email-change-confirm', next)}`);
    world.deps.clock.advance(72 * 3600 + 1);
    for (const token of [notice, await mailed('email-changed', ada.who.email)]) {
      expect((await world.call('POST', '/email-change/undo', { body: { token } })).statusCode).toBe(404);
    }
    await person(world, { email: ada.who.email });
  });

  test('is called off by a change of the password: a thief may have begun it', async () => {
    const { ada, confirm } = await changing();
    const [former, password] = [ada.who.password, `Correct ${world.deps.random.uuid()}`];
    const body = { current_password: former, new_password: password, confirm_new_password: password };
    const answer = await world.call('POST', '/users/me/password', { token: ada.token, body });
    expect(answer.statusCode, answer.body).toBe(204);
    expect(await me(ada)).toMatchObject({ email: ada.who.email, pending_email: null });
    expect((await world.call('POST', `/verify-email/${confirm}`)).statusCode).toBe(404);
  });

  test('the owner of the old mailbox stops a change before it happens', async () => {
    const { ada, confirm, notice } = await changing();
    expect((await world.call('POST', '/email-change/undo', { body: { token: notice } })).statusCode).toBe(
      200,
    );
    expect((await world.call('POST', `/verify-email/${confirm}`)).statusCode).toBe(404);
    expect((await world.call('GET', '/users/me', { token: ada.token })).statusCode).toBe(401);
  });

  test('a token of one purpose is worth nothing at another door', async () => {
    const { confirm, notice } = await changing();
    expect((await world.call('POST', '/email-change/undo', { body: { token: confirm } })).statusCode).toBe(
      404,
    );
    expect((await world.call('POST', `/verify-email/${notice}`)).statusCode).toBe(404);
  });
});

describe('an address that its account never proved is not proven by stopping or undoing a change', () => {
  // Whoever signed up with somebody else's address, added a passkey of their own, and asked for another address.
  async function squatted() {
    const squatter = await member({ verified: false });
    const { token, who } = squatter;
    const { options } = (await world.call('POST', '/mfa/passkeys/options', { token })).json();
    const passkey = softAuthenticator();
    const body = { name: 'mine', response: passkey.create(options) };
    expect((await world.call('POST', '/mfa/passkeys', { token, body })).statusCode).toBe(201);
    const next = fresh();
    await put(squatter, { email: next });
    return { address: who.email, passkey, next };
  }

  async function signIn(passkey: ReturnType<typeof softAuthenticator>): Promise<number> {
    const { options } = (await world.call('POST', '/token/passkey/options')).json();
    const body = { response: passkey.get(options) };
    return (await world.call('POST', '/token/passkey', { body })).statusCode;
  }

  test.each(['email-change-notice', 'email-changed'])(
    'the mailed reset after %s removes what was set before',
    async template => {
      const { address, passkey, next } = await squatted();
      expect(await signIn(passkey)).toBe(200);
      if (template === 'email-changed')
        await world.call('POST', `/verify-email/${await mailed('email-change-confirm', next)}`);
      const undo = await world.call('POST', '/email-change/undo', {
        body: { token: await mailed(template, address) },
      });
      expect(undo.statusCode).toBe(200);

      const password = 'Entirely-mine-55';
      const reset = await world.call('POST', '/password-reset/confirm', {
        body: {
          token: await mailed('reset-password', address),
          new_password: password,
          confirm_new_password: password,
        },
      });
      expect(reset.statusCode, reset.body).toBe(200);
      const login = await world.call('POST', '/token', { form: { username: address, password } });
      const owner = await world.call('GET', '/users/me', { token: login.json().access_token });
      expect(owner.json()).toMatchObject({ email: address, email_verified: true });
      expect(await signIn(passkey)).toBe(401);
    },
  );

  test('one that it had proven is as proven as before', async () => {
    const { ada, confirm } = await changing();
    await world.call('POST', `/verify-email/${confirm}`);
    const token = await mailed('email-changed', ada.who.email);
    expect((await world.call('POST', '/email-change/undo', { body: { token } })).statusCode).toBe(200);
    const again = { ...ada, token: (await logIn(world, ada.who)).access_token };
    expect(await me(again)).toMatchObject({ email: ada.who.email, email_verified: true });
  });
});
