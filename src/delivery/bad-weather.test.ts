// Mail servers that work, and do not make it easy.
import { afterEach, expect, test } from 'vitest';
import { closeAll, closing, deliver, entries, queue, until, world } from '../../test/support/mailing.ts';
import { rawSmtp } from '../../test/support/raw-smtp.ts';
import { sql } from '../platform/sql.ts';
import { openSmtp } from './smtp.ts';
import { startDelivery } from './worker.ts';

afterEach(closeAll);

async function server(answer: Parameters<typeof rawSmtp>[0]) {
  const smtp = await rawSmtp(answer);
  closing.push(smtp.close);
  return { smtp, deps: await world(`smtp://127.0.0.1:${smtp.port}`) };
}

const entryOf = async (deps: Parameters<typeof entries>[0], to: string) =>
  (await entries(deps)).find(({ recipient }) => recipient === to);

test('a refusal that PostgreSQL cannot hold is written down all the same: the mail is dead', async () => {
  const { deps } = await server(({ verb }) => (verb === 'RCPT' ? '550 no\0such user' : null));
  deliver(deps);
  await queue(deps, 'ada@example.com');
  await expect
    .poll(() => entryOf(deps, 'ada@example.com'))
    .toMatchObject({ state: 'dead', lastError: expect.stringMatching(/550 no such user$/) });
});

test('a server that quotes the link it refuses makes nobody read it', async () => {
  const { deps } = await server(({ verb, text }) => {
    if (verb !== 'END') return null;
    const [link = ''] = /http\S+token\S+/.exec(text.replace(/=\r\n/g, '').replaceAll('=3D', '=')) ?? [];
    return `550 5.7.1 blocked: ${link}`;
  });
  deliver(deps);
  await queue(deps, 'ada@example.com');
  const dead = await until(async () => {
    const entry = await entryOf(deps, 'ada@example.com');
    return entry?.state === 'dead' && entry;
  });
  expect(dead.lastError).toContain('blocked: http');
  expect(dead.lastError).not.toContain('token-for-ada');
});

test.each([
  [
    'at the end of what is kept',
    (link: string) => `${'spam '.repeat(60)}`.slice(0, 267 - link.length) + link,
  ],
  ['cut by the server', (link: string) => link.slice(0, -2)],
  ['in two lines', (link: string) => `${link.slice(0, -12)}= ${link.slice(-12)}`],
])('nor one that quotes it %s', async (_, quote) => {
  const { deps } = await server(({ verb, text }) => {
    if (verb !== 'END') return null;
    const [link = ''] = /http\S+token\S+/.exec(text.replace(/=\r\n/g, '').replaceAll('=3D', '=')) ?? [];
    return `550 5.7.1 blocked: ${quote(link)}`;
  });
  deliver(deps);
  await queue(deps, 'ada@example.com');
  const { lastError } = await until(async () => {
    const entry = await entryOf(deps, 'ada@example.com');
    return entry?.state === 'dead' && entry;
  });
  expect(lastError).toContain('blocked: ');
  expect(lastError).not.toMatch(/token-for|example\.c/);
});

test('a server that quotes the login it refuses makes nobody read the password', async () => {
  const smtp = await rawSmtp(({ verb, text }) => {
    if (verb === 'EHLO') return '250-raw\r\n250 AUTH PLAIN';
    return verb === 'AUTH' ? `535 not accepted: ${text}` : null;
  });
  closing.push(smtp.close);
  const transport = openSmtp({
    smtpUrl: `smtp://mailer:p%40ss-word@127.0.0.1:${smtp.port}`,
    from: 'no-reply@example.com',
  });
  closing.push(async () => transport.close());
  const mail = { subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' };
  const sent = transport.send({ id: '0193', to: 'ada@example.com', createdAt: new Date() }, mail);
  await expect(sent).rejects.toThrow(/535 not accepted: AUTH PLAIN \[secret\]$/);
});

test('a server that ends each connection after a mail gets the next one over another, and none twice', async () => {
  const smtp = await rawSmtp(({ verb }) => (verb === 'END' ? 'end' : null));
  const transport = openSmtp({ smtpUrl: `smtp://127.0.0.1:${smtp.port}`, from: 'no-reply@example.com' });
  closing.push(smtp.close, async () => transport.close());
  const mail = { subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' };
  const sendThree = async (lane: number) => {
    for (const id of [`${lane}a`, `${lane}b`, `${lane}c`])
      await transport.send({ id, to: 'ada@example.com', createdAt: new Date() }, mail);
  };
  await Promise.all([1, 2, 3, 4].map(sendThree));
  const ids = smtp.mails.map(text => /^Message-ID: (.*)$/im.exec(text)?.[1]);
  expect([ids.length, new Set(ids).size]).toEqual([12, 12]);
});

test('a server that drops every other mail costs one that waits for its own reasons no tries', async () => {
  const { deps } = await server(({ verb, text, mails }) => {
    if (verb === 'RCPT' && text.includes('greylisted')) return '450 later';
    return verb === 'END' && mails % 2 === 0 ? 'drop' : null;
  });
  deliver(deps);
  await queue(deps, 'greylisted@example.com');
  await until(async () => (await entryOf(deps, 'greylisted@example.com'))?.lastError);
  const began = deps.clock.now();
  for (let round = 0; round < 12; round++) {
    for (let index = 0; index < 4; index++) await queue(deps, `user${round}-${index}@example.com`);
    await until(async () => {
      const untried = (await entries(deps)).filter(({ attempts }) => attempts === 0);
      if (untried.length > 0) deps.clock.advance(1);
      return untried.length === 0;
    });
  }
  expect(deps.clock.now().getTime() - began.getTime()).toBeLessThan(150_000);
  // At once, and after some 15, 45 and 105 seconds.
  expect((await entryOf(deps, 'greylisted@example.com'))?.attempts).toBeLessThanOrEqual(4);
});

test('an outage of days uses up no message: a server that is back and greylists gets it all the same', async () => {
  let up = false;
  const { deps, smtp } = await server(({ verb }) => {
    if (!up) return verb === 'CONNECT' ? '421 4.3.2 out of order' : null;
    return verb === 'RCPT' && smtp.mails.length === 0 && !greylisted
      ? ((greylisted = true), '450 later')
      : null;
  });
  let greylisted = false;
  await queue(deps, 'ada@example.com');
  await deps.db.run(sql`update outbox set attempts = 99`);
  const delivery = deliver(deps);
  await until(async () => (await entryOf(deps, 'ada@example.com'))?.lastError);
  up = true;
  await until(async () => {
    deps.clock.advance(300);
    delivery.wake();
    // Five minutes during a slow try are a try that is taken for lost: two may come.
    return smtp.mails.length > 0;
  });
  expect(greylisted).toBe(true);
});

test('a database that cannot write down for long that a mail was sent makes no second copy of it', async () => {
  const { deps, smtp } = await server(() => null);
  const { db, clock } = deps;
  await db.run(sql`create sequence recordings`);
  await db.run(sql`
    create function full_disk() returns trigger language plpgsql as $$ begin
      perform nextval('recordings');
      raise exception 'could not extend file: No space left on device' using errcode = '53100';
    end $$`);
  await db.run(sql`create trigger full_disk before update on outbox for each row
    when (new.sent_at is not null) execute function full_disk()`);
  const delivery = startDelivery(deps, { pollSeconds: 0.05, recordMs: 5 });
  closing.push(delivery.stop);
  await queue(deps, 'ada@example.com');
  await until(
    async () => ((await db.row<{ n: number }>(sql`select last_value as n from recordings`))?.n ?? 0) > 30,
  );
  await db.run(sql`drop trigger full_disk on outbox`);
  await until(async () => (await entryOf(deps, 'ada@example.com'))?.state === 'sent');
  clock.advance(61);
  delivery.wake();
  await queue(deps, 'bob@example.com');
  await until(async () => (await entryOf(deps, 'bob@example.com'))?.state === 'sent');
  expect(smtp.mails).toHaveLength(2);
});
