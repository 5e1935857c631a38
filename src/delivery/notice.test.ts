import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { person } from '../../test/support/people.ts';
import { sql } from '../platform/sql.ts';
import { enqueueMail } from './enqueue.ts';
import { readMailbox } from './mailbox.ts';
import { findNotice, NOTICE_LIFETIME, noticeToken } from './notice.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

async function notify(userId: string | null, to = 'nobody@example.com'): Promise<string | undefined> {
  const { deps } = service;
  await deps.db.transaction(tx => enqueueMail(deps, tx, { template: 'password-changed', to, userId }));
  const [mail] = await readMailbox(deps, { to });
  return mail?.links.map(link => URL.parse(link)?.searchParams.get('token') ?? '')[0];
}

test('every notice to an account carries its own way to say "this was not me", for 72 hours', async () => {
  const { deps } = service;
  const { id: userId, email } = await person(service);
  const token = (await notify(userId, email)) ?? '';
  const find = (text: string) => findNotice(deps, deps.db, text);
  const notice = await find(token);
  expect(notice).toEqual({
    id: notice?.id,
    userId,
    template: 'password-changed',
    sentTo: email,
    createdAt: deps.clock.now(),
  });
  await deps.db.run(sql`update outbox set sent_at = ${deps.clock.now()} where id = ${notice?.id}`);
  expect(await find(token)).toEqual(notice);
  const forged = Buffer.from(token, 'base64url');
  forged[0] = (forged[0] ?? 0) ^ 1;
  expect(await find(forged.toString('base64url'))).toBeNull();
  expect(await find(`${token}A`)).toBeNull();
  expect(await find(noticeToken(deps.secrets, deps.random.uuid()))).toBeNull();
  deps.clock.advance(NOTICE_LIFETIME);
  expect(await find(token)).toBeNull();
});

test('a mail to nobody in particular has none', async () => {
  expect(await notify(null)).toBeUndefined();
});
