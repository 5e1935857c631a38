import { expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';

test('whoever has no password is asked for none, and gets one by mail', async () => {
  const world = await testApp();
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const signIn = await browser.get('/account/sign-in');
    await browser.submit(signIn, { username: ada.email, password: ada.password });
    await world.deps.db.run(sql`delete from passwords where user_id = ${ada.id}::uuid`);
    const security = await browser.follow(await browser.get('/account/password'));
    expect(security.body).toContain('<h1>Security</h1>');
    await browser.submit(security, {}, {}, '/account/password/mail');
    expect((await mailsTo(world, ada.email)).map(({ template }) => template)).toContain('reset-password');
  } finally {
    await world.close();
  }
});

test('a password manager finds where a password is changed, also where nobody is signed in', async () => {
  const world = await testApp();
  const underPath = await testApp({ http: { publicUrl: 'https://id.example/auth' } });
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const asked = await browser.follow(await browser.get('/.well-known/change-password'));
    const answer = await browser.submitAndFollow(asked, { username: ada.email, password: ada.password });
    expect(answer.body).toContain('<h1>Change your password</h1>');
    const { statusCode, headers } = await new Browser(underPath).get('/.well-known/change-password');
    expect([statusCode, headers.location]).toEqual([303, '/auth/account/password']);
  } finally {
    await world.close();
    await underPath.close();
  }
});
