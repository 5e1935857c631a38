import { afterEach, expect, test } from 'vitest';
import { pem } from '../../test/support/pem.ts';
import { endlessReplies, type ReceivedMail, smtpReceiver, smtpReply } from '../../test/support/smtp.ts';
import { openSmtp } from './smtp.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const mail = { subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' };
const outgoing = { id: '0193', to: 'ada@example.com', createdAt: new Date('2026-11-23T12:00:00Z') };

async function sendTo(options: Parameters<typeof smtpReceiver>[0], url: (port: number) => string) {
  const smtp = await smtpReceiver(options);
  const transport = openSmtp({ smtpUrl: url(smtp.port), from: 'Entrecore <no-reply@example.com>' });
  closing.push(smtp.close, () => transport.close());
  const failure = await transport.send(outgoing, mail).then(
    () => null,
    (error: unknown) => error,
  );
  return { smtp, failure };
}

test('a sender with a name and a domain of other letters sends headers that any server takes: ASCII alone', async () => {
  const smtp = await smtpReceiver();
  const transport = openSmtp({
    smtpUrl: `smtp://127.0.0.1:${smtp.port}`,
    from: '"Ünïcode, Nairobi" <no-reply@bücher.example>',
  });
  closing.push(smtp.close, () => transport.close());
  await transport.send(outgoing, { ...mail, subject: 'Grüße' });
  const [{ raw, messageId }] = smtp.mails as [ReceivedMail];
  expect(messageId).toBe('<0193@xn--bcher-kva.example>');
  expect(raw).toMatch(/^\p{ASCII}+$/u);
});

test('a sender is named as MAIL_FROM says, with brackets and backslashes in the name', async () => {
  const smtp = await smtpReceiver();
  closing.push(smtp.close);
  for (const from of ['Acme (Kenya) <no-reply@example.com>', '"Acme, \\" <no-reply@example.com>']) {
    const transport = openSmtp({ smtpUrl: `smtp://127.0.0.1:${smtp.port}`, from });
    closing.push(() => transport.close());
    await transport.send(outgoing, mail);
  }
  expect(smtp.mails.map(({ raw }) => /^From: (.*)$/m.exec(raw)?.[1]?.trim())).toEqual([
    '"Acme (Kenya)" <no-reply@example.com>',
    '"Acme, \\\\" <no-reply@example.com>',
  ]);
});

const ca = encodeURIComponent(pem('localhost.crt'));

test('STARTTLS is taken where it is offered, self-signed or not, when plain text would do too', async () => {
  const { smtp, failure } = await sendTo({ starttls: true }, port => `smtp://127.0.0.1:${port}`);
  expect(failure).toBeNull();
  expect(smtp.mails).toMatchObject([{ secure: true, to: ['ada@example.com'] }]);
});

test('where TLS is required, a server without it or with an unknown certificate gets nothing', async () => {
  const without = await sendTo({}, port => `smtp://localhost:${port}?tls=required`);
  expect(without.failure).toMatchObject({ kind: 'outage' });
  const unknown = await sendTo({ starttls: true }, port => `smtp://localhost:${port}?tls=required`);
  expect(unknown.failure).toMatchObject({ kind: 'outage', message: expect.stringContaining('self-signed') });
  const known = await sendTo({ starttls: true }, port => `smtp://localhost:${port}?tls=required&ca=${ca}`);
  expect(known.failure).toBeNull();
  expect([without, unknown, known].map(({ smtp }) => smtp.mails.length)).toEqual([0, 0, 1]);
});

test('smtps:// verifies its server, and credentials are used', async () => {
  const credentials = { user: 'mailer@example.com', pass: 'p@ss:word' };
  const auth = `${encodeURIComponent(credentials.user)}:${encodeURIComponent(credentials.pass)}`;
  const options = { implicitTls: true, credentials };
  const refused = await sendTo(options, port => `smtps://${auth}@localhost:${port}`);
  expect(refused.failure).toMatchObject({ kind: 'outage' });
  const { smtp, failure } = await sendTo(options, port => `smtps://${auth}@localhost:${port}?ca=${ca}`);
  expect(failure).toBeNull();
  expect(smtp.mails).toMatchObject([{ secure: true, user: 'mailer@example.com' }]);
  const wrong = await sendTo(options, port => `smtps://mailer:wrong@localhost:${port}?ca=${ca}`);
  expect(wrong.failure).toMatchObject({ kind: 'outage' });
});

test('a refusal of the message is told from a server that cannot serve', async () => {
  const at = (port: number) => `smtp://127.0.0.1:${port}`;
  const reply = async (code: number, where: 'onSender' | 'onRecipient' | 'onMail', words = 'no') => {
    const refuse =
      where === 'onMail' ? async () => Promise.reject(smtpReply(code, words)) : () => smtpReply(code, words);
    return (await sendTo({ [where]: refuse }, at)).failure;
  };
  expect(await reply(550, 'onRecipient')).toMatchObject({ kind: 'permanent' });
  expect(await reply(450, 'onRecipient')).toMatchObject({ kind: 'temporary' });
  expect(await reply(554, 'onMail')).toMatchObject({ kind: 'permanent' });
  expect(await reply(452, 'onMail')).toMatchObject({ kind: 'temporary' });
  // The sender is of our own configuration, so that it is refused says nothing of a message: none may be given up for it.
  expect(await reply(550, 'onSender')).toMatchObject({ kind: 'outage' });
  // Many servers refuse the client, its login and the sender only at the recipient (Postfix: smtpd_delay_reject).
  const late = await Promise.all([
    reply(530, 'onRecipient', '5.7.0 Authentication required'),
    reply(550, 'onRecipient', '5.1.8 <no-reply@example.com>: Sender address rejected'),
    reply(530, 'onMail'),
    reply(553, 'onRecipient', '5.7.1 <no-reply@example.com>: Sender address rejected: not owned by user'),
    reply(550, 'onRecipient', '5.1.1 no such user'),
    reply(554, 'onMail', '5.7.1 spam'),
    reply(503, 'onRecipient', 'This mail server requires authentication'),
    reply(550, 'onRecipient', 'relay not permitted'),
    reply(550, 'onRecipient', '5.1.1 User unknown in relay recipient table'),
  ]);
  expect(late.map(failure => (failure as { kind?: string } | null)?.kind)).toEqual(
    'outage outage outage temporary permanent permanent outage temporary permanent'.split(' '),
  );
});

test('a server whose reply has no end is given up, and the next mail has a connection of its own', async () => {
  const server = await endlessReplies();
  const url = `smtp://127.0.0.1:${server.port}`;
  const transport = openSmtp(
    { smtpUrl: url, from: 'no-reply@example.com' },
    { handOverMs: 10_000, verdictMs: 300 },
  );
  closing.push(server.close, () => transport.close());
  // More than there are connections.
  for (let sent = 1; sent <= 6; sent++) {
    // No outage, of which there may be any number: each try may have made a copy.
    const message = 'The mail server took too long.';
    await expect(transport.send(outgoing, mail)).rejects.toMatchObject({ kind: 'temporary', message });
    expect(server.taken()).toBe(sent);
  }
});

test('a server that takes long over a mail that it has gets no second copy: it is waited for', async () => {
  let taken: (() => void) | undefined;
  const smtp = await smtpReceiver({ onMail: () => new Promise<void>(resolve => (taken = resolve)) });
  const transport = openSmtp(
    { smtpUrl: `smtp://127.0.0.1:${smtp.port}`, from: 'no-reply@example.com' },
    { handOverMs: 500, verdictMs: 10_000 },
  );
  closing.push(smtp.close, () => transport.close());
  const sent = transport.send(outgoing, mail);
  setTimeout(() => taken?.(), 700);
  await sent;
  expect(smtp.mails).toHaveLength(1);
});
