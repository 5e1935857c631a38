import { createHmac } from 'node:crypto';
import type { Config } from '../platform/config.ts';
import { fetchFailure } from '../platform/fetch-failure.ts';
import { DeliveryFailure, type Outgoing } from './transport.ts';

export interface SmsTransport {
  /** Resolves when the provider has taken the message; otherwise refuses with a DeliveryFailure. */
  send(outgoing: Outgoing, body: string): Promise<void>;
}

const TIMEOUT_MS = 10_000;
const TWILIO = 'https://api.twilio.com';

/** Text messages by the signed webhook, else by Twilio; null where neither is configured and SMS is off. */
export function openSms({ webhook, twilio }: Config['sms'], twilioUrl = TWILIO): SmsTransport | null {
  if (webhook !== null) return overWebhook(webhook);
  return twilio === null ? null : overTwilio(twilio, twilioUrl);
}

function overWebhook({ url, secret }: { url: string; secret: string }): SmsTransport {
  return {
    async send({ id, to }, text) {
      const body = JSON.stringify({ to, body: text });
      await post(url, body, {
        'content-type': 'application/json',
        'x-signature': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
        'idempotency-key': id,
      });
    },
  };
}

type Twilio = NonNullable<Config['sms']['twilio']>;

function overTwilio({ accountSid, authToken, from }: Twilio, base: string): SmsTransport {
  const url = `${base}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  // MG…: a messaging service, which picks the number itself.
  const sender = from.startsWith('MG') ? 'MessagingServiceSid' : 'From';
  return {
    async send({ to }, text) {
      const body = new URLSearchParams({ To: to, [sender]: from, Body: text });
      await post(url, body.toString(), {
        authorization,
        'content-type': 'application/x-www-form-urlencoded',
      });
    },
  };
}

async function post(url: string, body: string, headers: Record<string, string>): Promise<void> {
  let status: number;
  let retryAfter: string | null;
  try {
    const answer = await fetch(url, {
      method: 'POST',
      body,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = answer.status;
    retryAfter = ASKS_TO_WAIT.has(status) ? answer.headers.get('retry-after') : null;
    await answer.body?.cancel();
  } catch (error) {
    throw new DeliveryFailure('outage', `The SMS provider cannot be reached: ${fetchFailure(error)}`, {
      cause: error,
    });
  }
  if (status < 300) return;
  throw new DeliveryFailure(kindOf(status), `The SMS provider answered ${status}.`, { retryAfter });
}

// RFC 9110 §10.2.3, RFC 6585 §4.
const ASKS_TO_WAIT = new Set([429, 503]);

// A redirect means that our URL is out of date, 401 and 403 that our credentials are wrong; 408 and 429 ask us to wait; any
// other 4xx is about this message.
function kindOf(status: number): DeliveryFailure['kind'] {
  if (status < 400 || status >= 500 || status === 401 || status === 403) return 'outage';
  return status === 408 || status === 429 ? 'temporary' : 'permanent';
}
