import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { pem } from './pem.ts';

export interface ReceivedMail {
  readonly messageId: string;
  readonly to: string[];
  readonly subject: string;
  readonly secure: boolean;
  readonly user: string | undefined;
  readonly raw: string;
}

export interface ReceiverOptions {
  readonly port?: number;
  /** Offers STARTTLS with the certificate of test/support/tls. */
  readonly starttls?: boolean;
  /** TLS from the first byte. */
  readonly implicitTls?: boolean;
  readonly credentials?: { user: string; pass: string };
  /** Runs when a mail is whole, before the 250; a throw with `responseCode` refuses it. */
  readonly onMail?: (mail: ReceivedMail) => Promise<void> | void;
  readonly onSender?: (address: string) => Error | null;
  readonly onRecipient?: (address: string) => Error | null;
}

export interface SmtpReceiver {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** Waits until `count` mails have arrived in all. */
  received(count: number): Promise<ReceivedMail[]>;
  close(): Promise<void>;
}

/** An error that the receiver turns into this SMTP reply. */
export function smtpReply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

/** A real SMTP server on loopback that keeps what it is sent. */
export async function smtpReceiver(options: ReceiverOptions = {}): Promise<SmtpReceiver> {
  const { credentials, starttls = false, implicitTls = false } = options;
  const mails: ReceivedMail[] = [];
  const take = async (mail: ReceivedMail): Promise<Error | null> => {
    try {
      await options.onMail?.(mail);
    } catch (error) {
      return error as Error;
    }
    mails.push(mail);
    return null;
  };
  const server = new SMTPServer({
    closeTimeout: 200,
    secure: implicitTls,
    key: readFileSync(pem('localhost.key')),
    cert: readFileSync(pem('localhost.crt')),
    disabledCommands: [...(starttls ? [] : ['STARTTLS']), ...(credentials === undefined ? ['AUTH'] : [])],
    authOptional: credentials === undefined,
    disableReverseLookup: true,
    logger: false,
    onAuth(auth, _session, callback) {
      const right = auth.username === credentials?.user && auth.password === credentials?.pass;
      callback(right ? null : new Error('no'), right ? { user: auth.username } : undefined);
    },
    onMailFrom({ address }, _session, callback) {
      callback(options.onSender?.(address) ?? null);
    },
    onRcptTo({ address }, _session, callback) {
      callback(options.onRecipient?.(address) ?? null);
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const raw = Buffer.concat(chunks).toString();
        const mail: ReceivedMail = {
          messageId: headerOf(raw, 'Message-ID'),
          to: session.envelope.rcptTo.map(({ address }) => address),
          subject: headerOf(raw, 'Subject'),
          secure: session.secure,
          user: session.user,
          raw,
        };
        void (async () => callback(await take(mail)))();
      });
    },
  });
  server.on('error', () => {});
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server.server, 'listening');
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    async received(count) {
      const deadline = performance.now() + 10_000;
      while (mails.length < count) {
        if (performance.now() > deadline) throw new Error(`${mails.length} mails arrived, not ${count}.`);
        await new Promise(resolve => setTimeout(resolve, 10));
      }
      return mails;
    },
    close: () => new Promise(resolve => server.close(() => resolve())),
  };
}

/** A server that takes a mail and then goes on with its reply for ever, a line at a time. */
export async function endlessReplies(): Promise<{ port: number; taken(): number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let taken = 0;
  const server = createServer(socket => {
    sockets.add(socket);
    let inMail = false;
    socket.on('error', () => {});
    socket.on('data', data => {
      const text = data.toString();
      if (inMail) {
        if (!text.endsWith('\r\n.\r\n')) return;
        taken++;
        const timer = setInterval(() => socket.write('250-wait\r\n'), 50);
        socket.on('close', () => clearInterval(timer));
      } else if (text.startsWith('DATA')) {
        inMail = true;
        socket.write('354 go on\r\n');
      } else socket.write('250 ok\r\n');
    });
    socket.write('220 ready\r\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    taken: () => taken,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}

function headerOf(raw: string, name: string): string {
  return new RegExp(`^${name}: (.*)$`, 'im').exec(raw)?.[1]?.trim() ?? '';
}
