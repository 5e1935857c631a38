// Mail servers that work, and do not make it easy.
import { afterEach, expect, test } from 'vitest';
import { closeAll, closing, deliver, entries, queue, until, world } from '../../test/support/mailing.ts';
import { rawSmtp } from '../../test/support/raw-smtp.ts';
import { openSmtp } from './smtp.ts';

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
