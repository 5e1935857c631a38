import { afterEach, expect, test } from 'vitest';
import type { TestDeps } from '../../test/support/deps.ts';
import { closeAll, deliver, entries, queue, receiver, until, world } from '../../test/support/mailing.ts';
import { smtpReceiver } from '../../test/support/smtp.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { sql } from '../platform/sql.ts';

afterEach(closeAll);

test('a clock that is put back keeps no mail waiting for as long, nor its channel', async () => {
  const smtp = await smtpReceiver();
  await smtp.close();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  deliver(deps);
  await queue(deps, 'tried@example.com');
  await until(async () => (await entries(deps)).some(({ attempts }) => attempts > 0));
  await queue(deps, 'untried@example.com');
  const back = await receiver({ port: smtp.port });
  deps.clock.advance(-3600);
  await endOfPause(deps);
  await back.received(2);
  expect(new Set(back.mails.map(mail => mail.to.join()))).toEqual(
    new Set(['tried@example.com', 'untried@example.com']),
  );
});

test('nor what is being written down when the clock is put back', async () => {
  const smtp = await smtpReceiver();
  await smtp.close();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  await queue(deps, 'tried@example.com');
  await deps.db.run(sql`create function hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(1); return new; end $$`);
  await deps.db.run(sql`create trigger hold before update on outbox for each row
    when (old.last_error is null and new.last_error is not null) execute function hold()`);
  await deps.db.transaction(async tx => {
    await tx.row(sql`select pg_advisory_xact_lock(1)`);
    deliver(deps);
    await waitingForLock(deps.db);
    deps.clock.advance(-3600);
    await new Promise(resolve => setTimeout(resolve, 300));
  });
  const back = await receiver({ port: smtp.port });
  await endOfPause(deps);
  expect(await back.received(1)).toHaveLength(1);
});

// What fails once the clock is back pauses the channel for five seconds of that clock, which does not go by itself.
async function endOfPause({ clock, db }: TestDeps): Promise<void> {
  await until(() =>
    db.row(sql`select where not exists (select from outbox where claimed_until is not null)`),
  );
  await new Promise(resolve => setTimeout(resolve, 200));
  clock.advance(10);
}
