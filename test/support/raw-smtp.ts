import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface Said {
  /** `CONNECT`, the first word of a command, or `END` of a mail. */
  readonly verb: string;
  /** The command, or the whole mail. */
  readonly text: string;
  /** Of the server so far, this one with them. */
  readonly mails: number;
}

const USUAL: Readonly<Record<string, string>> = { CONNECT: '220 ready', DATA: '354 go on', QUIT: '221 bye' };

/**
 * A mail server of which each reply can be another than usual: a line, `drop` for a connection that is reset without one,
 * `end` for the usual reply and the end of the connection; null for the usual one.
 */
export async function rawSmtp(
  answer: (said: Said) => string | null,
): Promise<{ port: number; mails: string[]; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const mails: string[] = [];
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    let received = '';
    let inMail = false;
    const say = (verb: string, text = '') => {
      const reply = answer({ verb, text, mails: mails.length });
      const usual = USUAL[verb] ?? '250 ok';
      if (reply === 'drop') return void socket.destroy();
      socket.write(`${reply === null || reply === 'end' ? usual : reply}\r\n`);
      if (reply === 'end') socket.end();
      inMail = verb === 'DATA' && reply === null;
    };
    socket.on('data', data => {
      received += data.toString();
      for (;;) {
        const end = inMail ? '\r\n.\r\n' : '\r\n';
        const at = received.indexOf(end);
        if (at < 0) return;
        const text = received.slice(0, at);
        received = received.slice(at + end.length);
        if (inMail) mails.push(text);
        say(inMail ? 'END' : (text.split(/[ :]/)[0] ?? '').toUpperCase(), text);
      }
    });
    say('CONNECT');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    mails,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise(resolve => server.close(() => resolve()));
    },
  };
}
