import type { Config } from '../platform/config.ts';
import { type Draft, renderMail, renderText } from './render.ts';
import { openSms } from './sms.ts';
import { openSmtp } from './smtp.ts';
import { DeliveryFailure, type Outgoing } from './transport.ts';

/** One way out of the service. */
export interface Channel {
  readonly name: 'mail' | 'sms';
  /** Renders and sends. Refuses with a DeliveryFailure. */
  send(outgoing: Outgoing, draft: Draft): Promise<void>;
  /** Gives up sends under way that could take longer than a stop may. */
  close(): void;
}

/** The configured channels. Without SMTP_URL, mails stay in the outbox for the development mailbox. */
export function openChannels(config: Pick<Config, 'mail' | 'sms' | 'http' | 'brand'>): Channel[] {
  const channels: Channel[] = [];
  const { smtpUrl, from } = config.mail;
  if (smtpUrl !== null) {
    const smtp = openSmtp({ smtpUrl, from });
    channels.push({
      name: 'mail',
      send: async (outgoing, draft) =>
        smtp.send(
          outgoing,
          rendered(() => renderMail(config, draft)),
        ),
      close: () => smtp.close(),
    });
  }
  const sms = openSms(config.sms);
  if (sms !== null) {
    channels.push({
      name: 'sms',
      send: async (outgoing, draft) =>
        sms.send(
          outgoing,
          rendered(() => renderText(config, draft)),
        ),
      close: () => {},
    });
  }
  return channels;
}

// A message that cannot be rendered now cannot be rendered the next time either.
function rendered<T>(render: () => T): T {
  try {
    return render();
  } catch (error) {
    throw new DeliveryFailure('permanent', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
