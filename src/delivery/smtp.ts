import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import type { Transporter, TransportOptions } from 'nodemailer';
import { loadOnce } from '../platform/load-once.ts';
import { parseSmtpUrl, type SmtpServer } from '../platform/smtp-url.ts';
import { withoutSecrets } from './readable-reason.ts';
import type { RenderedMail } from './render.ts';
import { senderOf } from './sender.ts';
import { CONNECTIONS, DeliveryFailure, type FailureKind, type Outgoing } from './transport.ts';

export interface MailTransport {
  /** Resolves when the server has taken the mail (250); otherwise refuses with a DeliveryFailure. */
  send(outgoing: Outgoing, mail: RenderedMail): Promise<void>;
  /** Gives up what is under way. */
  close(): void;
}

/** In milliseconds; both also bound a server that keeps sending a little and never finishes. */
interface SmtpPatience {
  /** From the connection until the server has been given the whole mail. */
  readonly handOverMs: number;
  /** From then to its 250. A server may deliver a mail that we no longer wait for, and gets a second copy of it. */
  readonly verdictMs: number;
}

const PATIENCE: SmtpPatience = {
  handOverMs: 60_000,
  // RFC 5321 §4.5.3.2.6: content filters take their time.
  verdictMs: 600_000,
};

/** Mails through the server that SMTP_URL names. Throws for a URL that `parseSmtpUrl` refuses. */
export function openSmtp(
  { smtpUrl, from }: { smtpUrl: string; from: string },
  { handOverMs, verdictMs } = PATIENCE,
): MailTransport {
  const { verify, caFile, ...server } = parseSmtpUrl(smtpUrl);
  const sender = senderOf(from);
  const options = {
    pool: true,
    maxConnections: CONNECTIONS,
    // The pool tries a mail again only if the server had nothing of it: as a rule, it ended the connection after the mail before,
    // which is no outage, and may be so on every connection. Each wait is twice as long: many would hide a server that is down.
    maxRequeues: CONNECTIONS + 1,
    idleTimeout: 20_000,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    dnsTimeout: 10_000,
    // Of silence. Until the whole mail is handed over, `giveUp` comes sooner.
    socketTimeout: verdictMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...server,
    tls: {
      minVersion: 'TLSv1.2',
      rejectUnauthorized: verify,
      ...(caFile !== null && { ca: readFileSync(caFile) }),
    },
  };
  // Loaded by the first mail, since a start does not need it.
  let opening: Promise<Transporter> | null = null;
  const open = loadOnce(async () => {
    const transporter = (await import('nodemailer')).createTransport(options as TransportOptions);
    // Runs when a mail has been read to its end, which is after the server asked for it.
    transporter.use('stream', ({ data, message }, done) => {
      message.processFunc(stream => stream.once('end', () => handedOver.get(`${data.messageId}`)?.()));
      done();
    });
    return transporter;
  });
  const handedOver = new Map<string, () => void>();
  // A header must be ASCII unless SMTPUTF8 was agreed on (RFC 5322 §3.6.4, RFC 6532).
  const domain = domainToASCII(sender.address.split('@').at(-1) ?? '') || 'localhost';

  return {
    async send({ id, to, createdAt }, { subject, text, html }) {
      const messageId = `<${id}@${domain}>`;
      const limit = new AbortController();
      const giveUp = () => limit.abort(new DOMException('The mail server took too long.', 'TimeoutError'));
      let timer: NodeJS.Timeout | undefined;
      let whole = false;
      try {
        opening = open();
        const transporter = await opening;
        timer = setTimeout(giveUp, handOverMs);
        handedOver.set(messageId, () => {
          whole = true;
          clearTimeout(timer);
          timer = setTimeout(giveUp, verdictMs);
        });
        await transporter.sendMail({
          from: sender,
          to: { name: '', address: to },
          subject,
          text,
          html,
          date: createdAt,
          messageId,
          // RFC 3834: keeps holiday notes and ticket systems from answering.
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
          signal: limit.signal,
        });
      } catch (error) {
        const failure = error as SmtpError;
        // The library says of a send that was given up only that it was aborted.
        const said = limit.signal.aborted ? (limit.signal.reason as Error).message : failure.message;
        const reason = withoutSecrets(said, spelt(server.auth));
        throw new DeliveryFailure(kindOf(failure, whole), reason, { cause: error });
      } finally {
        clearTimeout(timer);
        handedOver.delete(messageId);
      }
    },
    close: () =>
      void opening?.then(
        transport => transport.close({ force: true }),
        () => {},
      ),
  };
}

interface SmtpError {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly message: string;
}

/**
 * Replies about our login, at whichever command (RFC 4954 §6). 503 is about the order of commands (RFC 5321 §4.2.3), and so never
 * about a message: MailEnable says by it, at the recipient, that there was no login.
 */
const LOGIN_REPLIES = new Set([503, 530, 534, 535, 538]);

// Tells failures of one message from those of the server or our account there. A refused login or sender is our own
// configuration, and no mail is given up for it: many servers refuse them only at the recipient (Postfix: smtpd_delay_reject).
function kindOf({ code, command, responseCode = 0, response = '' }: SmtpError, whole: boolean): FailureKind {
  const inEnvelope = code === 'EENVELOPE' && command !== 'MAIL FROM';
  // Without a verdict on a mail that it has whole, the server may have delivered it, so this must not go on without an end.
  if (!inEnvelope && code !== 'EMESSAGE') return whole ? 'temporary' : 'outage';
  if (LOGIN_REPLIES.has(responseCode)) return 'outage';
  if (responseCode < 500) return 'temporary';
  const status = inEnvelope ? (/^\d{3}[ -]5\.(\d+\.\d+)\b/.exec(response)?.[1] ?? '') : '';
  // The sender's address (RFC 3463 §3.2).
  if (status === '1.7' || status === '1.8') return 'outage';
  // "Not authorized" (RFC 3463 §3.8): all that we send as a rule, but it may be this recipient alone. Exim gives no status.
  const unauthorized =
    status === '' ? inEnvelope && /\b(relay|authenticat)/i.test(response) : status.startsWith('7.');
  return unauthorized ? 'temporary' : 'permanent';
}

// The password as AUTH PLAIN and AUTH LOGIN send it: a server may quote the line that it refuses.
function spelt(auth: SmtpServer['auth']): string[] {
  if (auth === undefined) return [];
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return [base64(`\0${auth.user}\0${auth.pass}`), base64(auth.pass), auth.pass];
}
