import type { LinkAction } from './link.ts';
import type { Mails, MailTemplate, Texts, TextTemplate } from './messages.ts';

/** The one source of a mail: plain text and HTML are both made from it. Every string is text and is escaped. */
export interface MailText {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly action?: { readonly label: string; readonly page: LinkAction; readonly token: string };
  /** Six digits to type, shown large. */
  readonly code?: string;
  /** After the button: how long it is good for, and what to do if it was not you. */
  readonly closing: readonly string[];
  /** A second, quieter link: "this was not me". */
  readonly notMe?: { readonly label: string; readonly token: string };
}

/** What a catalogue is told besides the message's own parameters, already in words. */
export interface Words {
  readonly brand: string;
  /** "24 hours": how long the secret in it is good for. */
  readonly validFor: string;
  /** "23 November 2026, 17:21 UTC". */
  readonly at: string;
  /** "Firefox on Windows, from 203.0.113.7", or null. */
  readonly from: string | null;
  readonly date: (at: string) => string;
}

type MailWriter<T extends MailTemplate> = (
  told: Mails[T]['params'] & Mails[T]['secrets'],
  words: Words,
) => MailText;

type TextWriter<T extends TextTemplate> = (
  told: Texts[T]['params'] & Texts[T]['secrets'],
  words: Words,
) => string;

/** A language: every message of the service. Adding one is another value of this type. */
export interface Catalogue {
  /** BCP 47. */
  readonly language: string;
  greeting(name: string | null): string;
  duration(seconds: number): string;
  date(at: Date): string;
  /** Where something came from. */
  origin(device: string | null, ip: string | null): string | null;
  readonly copyHint: string;
  footer(brand: string): string;
  readonly mails: { readonly [T in MailTemplate]: MailWriter<T> };
  readonly texts: { readonly [T in TextTemplate]: TextWriter<T> };
}
