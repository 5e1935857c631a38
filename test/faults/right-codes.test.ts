// docs/failure-modes.md, the full disk: what was right was not guessed, so it locks nobody.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { expectProblem } from '../support/contract.ts';
import { fillDisk, freeDisk } from '../support/full-disk.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, type Person, person } from '../support/people.ts';
import { addTotp } from '../support/totp.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp({ signInByMail: true });
});
afterAll(() => world.close());

const login = ({ email, password }: Person) =>
  world.call('POST', '/token', { form: { username: email, password } });

test('five right recovery codes whose use the disk had no room for lock nobody, and five wrong ones do', async () => {
  const ada = await person(world);
  const { access_token: token } = await logIn(world, ada);
  const [right] = (await addTotp(world, token)).recoveryCodes;
  const answer = async (given: string | undefined) => {
    const { mfa_token } = (await login(ada)).json();
    return () =>
      world.call('POST', '/token/mfa', { body: { mfa_token, factor: 'recovery_code', code: given } });
  };
  for (const [given, locked] of [
    [right, false],
    ['0000-0000-0000', true],
  ] as const) {
    const send = await answer(given);
    await fillDisk(world.deps.db, 'audit_events');
    for (let turn = 0; turn < 5; turn++) expectProblem(await send(), 'database_unavailable');
    await freeDisk(world.deps.db, 'audit_events');
    if (locked) expectProblem(await login(ada), 'too_many_attempts');
    else expect((await (await answer(given))()).statusCode).toBe(200);
  }
});

test('five right mailed codes whose proof of the mailbox the disk had no room for lock nobody', async () => {
  const ada = await person(world, { verified: false });
  const asked: { request_token: string; code: string | undefined }[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const { request_token } = (
      await world.call('POST', '/token/email', { body: { email: ada.email } })
    ).json();
    const mail = (await mailsTo(world, ada.email)).findLast(({ template }) => template === 'sign-in');
    asked.push({ request_token, code: mail?.secrets.code });
  }
  await fillDisk(world.deps.db, 'audit_events');
  for (const body of asked)
    expectProblem(await world.call('POST', '/token/email/verify', { body }), 'database_unavailable');
  await freeDisk(world.deps.db, 'audit_events');
  expect((await login(ada)).statusCode).toBe(200);
});

test('five right passwords that prove a session again, of which the disk had no room to tell, lock nobody', async () => {
  const ada = await person(world);
  const { access_token: token } = await logIn(world, ada);
  const prove = () =>
    world.call('POST', '/token/reauthenticate', { token, body: { password: ada.password } });
  await fillDisk(world.deps.db, 'audit_events');
  for (let turn = 0; turn < 5; turn++) expectProblem(await prove(), 'database_unavailable');
  await freeDisk(world.deps.db, 'audit_events');
  expect((await prove()).statusCode).toBe(200);
});
