import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo, type QueuedMail } from '../../test/support/mails.ts';
import { logIn, type Person, person } from '../../test/support/people.ts';
import { resets } from '../../test/support/resets.ts';
import { addTotp } from '../../test/support/totp.ts';
import { renderMail } from '../delivery/render.ts';
import { insertIdentity } from '../federation/queries.ts';
import { type Credential, insertPasskey } from '../mfa/passkey-queries.ts';

let world: TestApp;
beforeAll(async () => {
  world = await testApp();
});
afterAll(() => world.close());

const { confirm, linkFor } = resets(() => world);

async function add(owner: Person, { passkeys, identities }: { passkeys: number; identities: number }) {
  const { db, clock, random } = world.deps;
  const [userId, now] = [owner.id, clock.now()];
  for (let n = 0; n < passkeys; n++) {
    const credential = { id: random.uuid() } as Credential;
    await insertPasskey(db, { id: random.uuid(), userId, name: 'Phone', credential, now });
  }
  for (let n = 0; n < identities; n++) {
    const identity = { issuer: 'https://acme.example', subject: random.uuid() };
    await insertIdentity(db, { ...identity, userId, provider: 'acme', email: null, now });
  }
}

async function noticeOfReset(owner: Person): Promise<string> {
  expect((await confirm(await linkFor(owner))).statusCode).toBe(200);
  const mails = await mailsTo(world, owner.email);
  const notice = mails.find(({ template }) => template === 'password-changed') as QueuedMail;
  const draft = { ...notice, createdAt: world.deps.clock.now(), expiresAt: null };
  return renderMail(world.deps.config, draft).text.replaceAll('\n', ' ');
}

test.each([
  [{ passkeys: 1, identities: 0 }, '1 passkey.'],
  [{ passkeys: 2, identities: 1 }, '2 passkeys and 1 linked provider.'],
])('whoever resets a password is told that %j still open the account', async (ways, said) => {
  const ada = await person(world);
  await add(ada, ways);
  await add(await person(world), { passkeys: 1, identities: 1 });
  // An authenticator app opens nothing by itself.
  await addTotp(world, (await logIn(world, ada)).access_token);
  expect(await noticeOfReset(ada)).toContain(`your account still opens with ${said}`);
});

test('where nothing else opens the account, nothing is said of it', async () => {
  expect(await noticeOfReset(await person(world))).not.toContain('still opens');
});
