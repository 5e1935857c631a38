import { expect, test } from 'vitest';
import { testApp } from '../../test/support/app.ts';
import { Browser } from '../../test/support/browser.ts';
import { person } from '../../test/support/people.ts';
import { listActivity } from '../audit/list.ts';

test('behind a believed proxy what is done on the pages is recorded with the address of whoever did it', async () => {
  const world = await testApp({ http: { trustProxy: 1 } });
  try {
    const ada = await person(world);
    const browser = new Browser(world);
    const from = (ip: string) => ({ 'x-forwarded-for': ip });
    const page = await browser.get('/account/sign-in');
    await browser.submit(page, { username: ada.email, password: ada.password }, from('198.51.100.1'));
    const profile = await browser.get('/account');
    await browser.submit(profile, { first_name: 'Augusta' }, from('198.51.100.2'), '/account/profile');
    await browser.submit(profile, {}, from('198.51.100.3'), '/account/sign-out');
    const { items } = await listActivity(world.deps, ada.id, { limit: 4 });
    expect(items.map(({ type, ip }) => [type, ip])).toEqual([
      ['session.ended', '198.51.100.3'],
      ['user.updated', '198.51.100.2'],
      ['device.added', '198.51.100.1'],
      ['login.succeeded', '198.51.100.1'],
    ]);
  } finally {
    await world.close();
  }
});
