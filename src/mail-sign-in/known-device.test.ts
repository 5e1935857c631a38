import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp({ signInByMail: true, rateLimit: 'on' });
});
afterAll(() => service.close());

const ask = (email: string, device_token?: string) =>
  service.call('POST', '/token/email', { body: { email, device_token } });

const mailed = async ({ email }: Person) =>
  (await mailsTo(service, email)).filter(({ template }) => template === 'sign-in');

test('strangers who use up the mails of an hour keep nobody out who asks on a device that the account knows', async () => {
  const ada = await person(service);
  const { device_token } = await logIn(service, ada);
  for (let asked = 0; asked < 6; asked++) await ask(ada.email);
  expect(await mailed(ada)).toHaveLength(5);

  const { request_token } = (await ask(ada.email, device_token)).json();
  expect(await mailed(ada)).toHaveLength(6);
  const [code] = (await mailed(ada)).slice(5).map(({ secrets }) => secrets.code);
  const answer = await service.call('POST', '/token/email/verify', { body: { request_token, code } });
  expect(answer.statusCode, answer.body).toBe(200);
});

test('all devices of an account get five mails in an hour together, however many somebody makes for a mailbox of others', async () => {
  const [ada, eve] = [await person(service), await person(service)];
  for (let made = 0; made < 6; made++) await ask(ada.email, (await logIn(service, ada)).device_token);
  expect(await mailed(ada)).toHaveLength(5);
  const foreign = (await logIn(service, eve)).device_token;
  for (let asked = 0; asked < 6; asked++) await ask(ada.email, foreign);
  expect(await mailed(ada)).toHaveLength(10);
  await ask(ada.email);
  expect(await mailed(ada)).toHaveLength(10);
});
