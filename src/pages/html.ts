import { escapeHtml } from '../delivery/layout.ts';

/** Markup that is safe to send: everything that was interpolated into it has been escaped. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type Renderable = Html | string | number | null | undefined | false | readonly Renderable[];

/**
 * Writes markup: text is escaped for elements and quoted attributes, `Html` is spliced in, lists are joined, and null,
 * undefined and false leave nothing.
 */
export function html(strings: TemplateStringsArray, ...values: Renderable[]): Html {
  return new Html(strings.reduce((left, right, index) => left + render(values[index - 1]) + right));
}

/** An address, which breaks before its `@` where it is too long for its line. */
export function addressOf(address: string): Html {
  const at = address.lastIndexOf('@');
  return html`<strong>${address.slice(0, Math.max(at, 0))}<wbr>${address.slice(Math.max(at, 0))}</strong>`;
}

/** Markup of our own making, such as a QR code as SVG; never anything that a person wrote. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function render(value: Renderable): string {
  if (value instanceof Html) return value.markup;
  if (value === null || value === undefined || value === false) return '';
  if (Array.isArray(value)) return value.map(item => render(item as Renderable)).join('');
  return escapeHtml(String(value as string | number));
}
