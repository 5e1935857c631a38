import { parseSmtpUrl } from '../../smtp-url.ts';
import { list, matching, text } from '../parsers.ts';
import { endpoint } from '../url-parsers.ts';
import { optional, setting, Unacceptable } from '../variable.ts';

const smtpUrl = (value: string) => {
  parseSmtpUrl(value);
  return value;
};

// Mail has one sender (RFC 5322 §3.6.2 with no Sender field): commas, colons and semicolons would turn its name into a list.
const ADDRESS = String.raw`[^\s@<>,;:"()\[\]]+@(?:\[[^\s\[\]]+\]|[^\s@<>,;:"()\[\]]+)`;
const NAME = String.raw`(?:"[^"\r\n]*"|[^"<>,;:\r\n]*)`;
const sender = matching(
  new RegExp(String.raw`^\s*(?:${NAME}\s*<${ADDRESS}>|${ADDRESS})$`),
  'one address, such as no-reply@example.com or Entrecore <no-reply@example.com>; put a name with a comma in double quotes',
);

const twoLetters = matching(
  /^[A-Z]{2}$/,
  'ISO 3166 country codes such as KE,UG,TZ, or calling codes such as 254',
);
// The calling codes that numbers begin with (ITU-T E.164, annex D), including the spare ones.
const CALLING_CODE =
  /^\+?(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|(2[1-689]|3[578]|42|5[09]|6[7-9]|8[035789]|9[679])\d)$/;

// A code that no number has would block every text message, and nobody would know why.
const country = (value: string) => {
  const calling = CALLING_CODE.exec(value)?.[1];
  if (calling !== undefined) return calling;
  const code = twoLetters(value.toUpperCase());
  const { region } = new Intl.Locale(`und-${code}`);
  if (region !== code) throw new Unacceptable(`must be ISO 3166 country codes: ${code} is ${region} there`);
  if (new Intl.DisplayNames('en', { type: 'region', fallback: 'none' }).of(code) === undefined)
    throw new Unacceptable(`must be ISO 3166 country codes: no country has ${code}`);
  return code;
};

export const delivery = {
  SMTP_URL: optional(
    smtpUrl,
    'The mail server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host. ?tls=required insists on encryption (docs/mail.md).',
    { secret: true, fallbackText: 'none: mails stay in the outbox, shown at /dev/mailbox' },
  ),
  MAIL_FROM: setting(
    sender,
    'The sender of every mail.',
    lookup => `Entrecore <no-reply@${URL.parse(`${lookup('PUBLIC_URL')}`)?.hostname ?? 'localhost'}>`,
    { fallbackText: 'Entrecore <no-reply@ the host of PUBLIC_URL>' },
  ),
  SMS_WEBHOOK_URL: optional(
    endpoint,
    'Each text message is POSTed there as JSON {to, body}, with X-Signature: sha256=… (HMAC of the body).',
    { secret: true, fallbackText: 'none: SMS factors are off' },
  ),
  SMS_WEBHOOK_SECRET: optional(text, 'Key of X-Signature; at least 16 bytes.', { secret: true }),
  TWILIO_ACCOUNT_SID: optional(
    matching(/^AC[0-9a-zA-Z]+$/, 'an account SID (AC…)'),
    'Sends text messages through Twilio: the account SID.',
  ),
  TWILIO_AUTH_TOKEN: optional(text, "Twilio's auth token.", { secret: true }),
  TWILIO_FROM: optional(
    matching(
      /^(\+[0-9]{5,15}|MG[0-9a-zA-Z]+|[A-Za-z0-9 ]{1,11})$/,
      'a number (+…), a messaging service (MG…) or a sender name',
    ),
    'The number, sender name or messaging service (MG…) that text messages come from.',
  ),
  SMS_COUNTRIES: optional(
    list(country),
    'Countries to which text messages may be sent, as two-letter or calling codes separated by commas.',
    { fallbackText: 'all' },
  ),
};
