import { expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { signedIn } from '../../test/support/browser.ts';
import { person } from '../../test/support/people.ts';

const PATH = '/account/security/phone';

test('nobody is told that a code is on its way who has none that would be taken', async () => {
  const world = await testApp({
    sessions: { reauthAge: 3600 },
    sms: { webhook: { url: 'http://127.0.0.1:9/', secret: 'sixteen bytes or more' } },
  });
  try {
    const browser = await signedIn(world, await person(world));
    expect((await browser.get(`${PATH}/code`)).headers.location).toBe(PATH);
    const asked = await browser.submitAndFollow(await browser.get(PATH), { phone_number: '+254712000001' });
    expect(asked.body).toContain('A code is on its way to your phone.');
    expect((await browser.get(`${PATH}/code`)).statusCode).toBe(200);
    world.deps.clock.advance(601);
    expect((await browser.get(`${PATH}/code`)).headers.location).toBe(PATH);
  } finally {
    await world.close();
  }
});
