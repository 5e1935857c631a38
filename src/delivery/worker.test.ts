import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { TestDeps } from '../../test/support/deps.ts';
import {
  closeAll,
  closing,
  deliver,
  entries,
  queue,
  receiver,
  stateOf,
  until,
  world,
} from '../../test/support/mailing.ts';
import { endlessReplies, type SmtpReceiver, smtpReceiver } from '../../test/support/smtp.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { Problem } from '../platform/problems.ts';
import { sql } from '../platform/sql.ts';
import { enqueueMail } from './enqueue.ts';
import { outboxStats } from './outbox.ts';
import { startDelivery } from './worker.ts';

afterEach(closeAll);

test('a committed mail arrives once, with a stable Message-ID, and its secret is erased', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  deliver(deps);
  await queue(deps, 'ada@example.com');
  const [mail] = await smtp.received(1);
  const row = await until(() =>
    deps.db.row<{ id: string; secrets: null; params: object }>(
      sql`select id, secrets_sealed as secrets, params from outbox where sent_at is not null`,
    ),
  );
  expect(row).toMatchObject({ secrets: null, params: {} });
  expect(mail).toMatchObject({
    messageId: `<${row.id}@example.com>`,
    to: ['ada@example.com'],
    subject: 'Confirm your email address for Entrecore',
    secure: false,
  });
  expect(mail?.raw).toMatch(/^Auto-Submitted: auto-generated/m);
  expect(mail?.raw).toContain('multipart/alternative');
  expect(mail?.raw.replace(/=\r\n/g, '')).toContain(
    '/account/verify-email?token=3Dtoken-for-ada@example.com'.replace('@', '%40'),
  );
});

test('nothing personal that a mail said is kept once it is sent', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  deliver(deps);
  const mail = { template: 'account-closed', to: 'ada@example.com', params: { name: 'Ada' } } as const;
  await deps.db.transaction(tx => enqueueMail(deps, tx, mail));
  const [sent] = await smtp.received(1);
  expect(sent?.raw).toContain('Ada');
  const row = await until(() => deps.db.row(sql`select params from outbox where sent_at is not null`));
  expect(row).toEqual({ params: {} });
});

test('a rolled-back transaction sends nothing', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const delivery = deliver(deps);
  await deps.db
    .transaction(async tx => {
      await enqueueMail(deps, tx, { template: 'account-closed', to: 'undone@example.com' });
      throw new Error('no');
    })
    .catch(() => {});
  await queue(deps, 'kept@example.com');
  await smtp.received(1);
  await delivery.stop();
  expect(smtp.mails.map(mail => mail.to)).toEqual([['kept@example.com']]);
});

test('an hour without a mail server loses nothing, and its return empties the outbox at once', async () => {
  const first = await smtpReceiver();
  await first.close();
  const deps = await world(`smtp://127.0.0.1:${first.port}`);
  deliver(deps);
  for (let index = 0; index < 5; index++) await queue(deps, `user${index}@example.com`);
  await until(async () => (await entries(deps)).some(({ attempts }) => attempts > 0));
  for (let minute = 0; minute < 60; minute++) {
    deps.clock.advance(60);
    await new Promise(resolve => setTimeout(resolve, 15));
  }
  const down = await entries(deps);
  expect(down.map(({ sentAt }) => sentAt)).toEqual([null, null, null, null, null]);
  expect(Math.max(...down.map(({ attempts }) => attempts))).toBeGreaterThan(1);
  expect(down.find(({ lastError }) => lastError !== null)?.lastError).toContain('ECONNREFUSED');
  const back = await receiver({ port: first.port });
  // The clock stands still once the first mail has passed: that one calls the others.
  await until(async () => {
    if (back.mails.length === 0) deps.clock.advance(5);
    return back.mails.length > 0;
  });
  await until(async () => (await outboxStats(deps)).waiting === 0);
  // The moved clock ends leases early on a slow machine: what counts here is that nobody is left out.
  expect(new Set(back.mails.map(mail => mail.to.join()))).toEqual(
    new Set([0, 1, 2, 3, 4].map(index => `user${index}@example.com`)),
  );
});

test('a database that is silent for two looks at the outbox ends neither the worker nor the process', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const unhandled: unknown[] = [];
  const hear = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', hear);
  closing.push(async () => process.off('unhandledRejection', hear));
  let isSilent = true;
  let asked = 0;
  const rows: typeof deps.db.rows = async statement => {
    if (!isSilent) return deps.db.rows(statement);
    asked++;
    await new Promise(resolve => setTimeout(resolve, 100));
    throw new Problem('database_unavailable');
  };
  const delivery = deliver({ ...deps, db: { ...deps.db, rows } });
  await until(async () => {
    delivery.wake();
    return asked > 2;
  });
  isSilent = false;
  await queue(deps, 'ada@example.com');
  await smtp.received(1);
  expect(unhandled).toEqual([]);
});

test('a mail whose commit is slow, soon after another one, waits for no poll', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const delivery = startDelivery(deps, { pollSeconds: 3600 });
  closing.push(delivery.stop);
  await queue(deps, 'ada@example.com');
  await new Promise(resolve => setTimeout(resolve, 250));
  await deps.db.transaction(async tx => {
    const secrets = { token: 'T' };
    await enqueueMail(deps, tx, { template: 'verify-email', to: 'slow@example.com', secrets });
    await new Promise(resolve => setTimeout(resolve, 150));
  });
  expect(await smtp.received(2)).toHaveLength(2);
});

test('two workers send each of many mails once', async () => {
  const smtp = await receiver();
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const other = await world(`smtp://127.0.0.1:${smtp.port}`, deps);
  await Promise.all(Array.from({ length: 60 }, (_, index) => queue(deps, `user${index}@example.com`)));
  const workers = [deliver(deps), deliver(other)];
  await smtp.received(60);
  await until(async () => (await outboxStats(deps)).waiting === 0);
  await Promise.all(workers.map(worker => worker.stop()));
  expect(new Set(smtp.mails.map(mail => mail.messageId)).size).toBe(60);
  expect(smtp.mails).toHaveLength(60);
});

async function replica(deps: TestDeps, smtp: SmtpReceiver): Promise<ChildProcess> {
  const script = join(import.meta.dirname, '../../test/support/delivery-process.ts');
  const child = spawn(process.execPath, [script, deps.databaseUrl, `smtp://127.0.0.1:${smtp.port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closing.push(async () => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('killed between the 250 and the commit: at most one duplicate, with the same Message-ID', async () => {
  let taken = () => {};
  let release = () => {};
  const whole = new Promise<void>(resolve => (taken = resolve));
  const mayAnswer = new Promise<void>(resolve => (release = resolve));
  const smtp = await receiver({
    onMail: async () => {
      taken();
      await mayAnswer;
    },
  });
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const child = await replica(deps, smtp);
  await queue(deps, 'twice@example.com');
  await whole;
  // The row is locked, so the 250 arrives and its commit cannot: there the process dies.
  await deps.db.transaction(async tx => {
    await tx.row(sql`select from outbox for update`);
    release();
    await smtp.received(1);
    await waitingForLock(deps.db);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await deps.db.run(sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`);
  });
  expect(await stateOf(deps, 'twice@example.com')).toBe('sending');
  deliver(deps);
  await new Promise(resolve => setTimeout(resolve, 200));
  expect(smtp.mails).toHaveLength(1);
  deps.clock.advance(61);
  await smtp.received(2);
  await until(async () => (await stateOf(deps, 'twice@example.com')) === 'sent');
  deps.clock.advance(3600);
  await new Promise(resolve => setTimeout(resolve, 200));
  expect(smtp.mails.map(mail => mail.messageId)).toEqual([
    smtp.mails[0]?.messageId,
    smtp.mails[0]?.messageId,
  ]);
});

test('two processes on one outbox send each mail once', async () => {
  const smtp = await receiver();
  const deps = await world(null);
  await Promise.all([replica(deps, smtp), replica(deps, smtp)]);
  for (let index = 0; index < 40; index++) await queue(deps, `user${index}@example.com`);
  await smtp.received(40);
  await until(async () => (await outboxStats(deps)).waiting === 0);
  expect(new Set(smtp.mails.map(mail => mail.to[0])).size).toBe(40);
  expect(smtp.mails).toHaveLength(40);
});

test('stopping finishes the send under way and claims nothing more', async () => {
  let arrived = () => {};
  const whole = new Promise<void>(resolve => (arrived = resolve));
  const smtp = await receiver({
    onMail: async () => {
      arrived();
      await new Promise(resolve => setTimeout(resolve, 300));
    },
  });
  const deps = await world(`smtp://127.0.0.1:${smtp.port}`);
  const delivery = startDelivery(deps);
  await queue(deps, 'first@example.com');
  await whole;
  const stopped = delivery.stop();
  await queue(deps, 'second@example.com');
  await stopped;
  expect(await stateOf(deps, 'first@example.com')).toBe('sent');
  expect(await stateOf(deps, 'second@example.com')).toBe('waiting');
  expect(smtp.mails).toHaveLength(1);
});

test('stopping waits for no server whose reply has no end; the mail is sent later', async () => {
  const server = await endlessReplies();
  closing.push(server.close);
  const deps = await world(`smtp://127.0.0.1:${server.port}`);
  const delivery = startDelivery(deps, { stopMs: 100 });
  await queue(deps, 'ada@example.com');
  await until(async () => server.taken() === 1);
  await delivery.stop();
  expect(await stateOf(deps, 'ada@example.com')).toBe('waiting');
});
