import { isIP } from 'node:net';
import type { Config } from '../platform/config.ts';
import { brandColors } from './brand-color.ts';
import type { Catalogue, MailText, Words } from './catalogue.ts';
import { describeDevice } from './device.ts';
import { english } from './english.ts';
import { layout } from './layout.ts';
import { linkTo } from './link.ts';
import { senderOf } from './sender.ts';

/** What a row of the outbox says, its secrets opened. */
export interface Draft {
  readonly template: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

type RenderConfig = {
  readonly http: Pick<Config['http'], 'appUrl'>;
  readonly mail: Pick<Config['mail'], 'from'>;
  readonly brand: Pick<Config['brand'], 'name' | 'color'>;
};

/** Plain text and HTML of one mail. Throws for a template that this version does not know. */
export function renderMail(config: RenderConfig, draft: Draft): RenderedMail {
  const write = english.mails[draft.template as keyof Catalogue['mails']] as Writer<MailText> | undefined;
  if (write === undefined) throw new Error(`There is no mail template "${draft.template}".`);
  const words = wordsOf(config, draft);
  const invitedBy = personName(draft.params.invitedBy) ?? undefined;
  const mail = write({ ...draft.params, ...draft.secrets, invitedBy }, words);
  return {
    subject: mail.subject,
    ...layout({
      ...mail,
      language: english.language,
      brand: words.brand,
      colors: brandColors(config.brand.color),
      home: config.http.appUrl,
      greeting: english.greeting(personName(draft.params.name)),
      copyHint: english.copyHint,
      footer: english.footer(words.brand),
      link: (page, token) => linkTo(config, page, token),
    }),
  };
}

/** The body of one text message; its last line lets a browser at APP_URL fill the code in (WICG origin-bound codes). */
export function renderText(config: RenderConfig, draft: Draft): string {
  const write = english.texts[draft.template as keyof Catalogue['texts']] as Writer<string> | undefined;
  if (write === undefined) throw new Error(`There is no text message template "${draft.template}".`);
  const body = write({ ...draft.params, ...draft.secrets }, wordsOf(config, draft));
  const { protocol, hostname } = new URL(config.http.appUrl);
  const code = draft.secrets.code;
  return protocol === 'https:' && typeof code === 'string' ? `${body}\n\n@${hostname} #${code}` : body;
}

/** BRAND_NAME, else the name in MAIL_FROM, else its domain: what the service calls itself in messages and on pages. */
export function brandOf({ brand, mail }: Pick<RenderConfig, 'brand' | 'mail'>): string {
  if (brand.name !== null) return brand.name;
  const { name, address } = senderOf(mail.from);
  return name || address.split('@').at(-1) || mail.from;
}

type Writer<T> = (told: Record<string, unknown>, words: Words) => T;

function wordsOf(config: RenderConfig, draft: Draft): Words {
  const { createdAt, expiresAt, params } = draft;
  const seconds = expiresAt === null ? 0 : (expiresAt.getTime() - createdAt.getTime()) / 1000;
  const device = typeof params.userAgent === 'string' ? describeDevice(params.userAgent) : null;
  const ip = typeof params.ip === 'string' && isIP(params.ip) !== 0 ? params.ip : null;
  return {
    brand: brandOf(config),
    validFor: english.duration(seconds),
    at: english.date(typeof params.at === 'string' ? new Date(params.at) : createdAt),
    from: english.origin(device, ip),
    date: at => english.date(new Date(at)),
  };
}

// Letters and initials only: a name like "Prize at evil.example" would turn a mail of ours into somebody's advertisement.
const PERSON_NAME = /^(?:[\p{L}\p{M}'’ -]|\.(?= |$)){1,60}$/u;

function personName(name: unknown): string | null {
  return typeof name === 'string' && PERSON_NAME.test(name.trim()) ? name.trim() : null;
}
