import { type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import type { View } from './view.ts';

/** What an old, used or broken link opens. */
export function gonePage(view: View): Html {
  const { gone } = view.words.links;
  return cardPage(view, {
    title: gone.title,
    body: html`<p>${gone.text}</p>
<p><a class="button" href="/account">${gone.home}</a></p>
<p><a href="/account/forgot-password">${gone.forgot}</a></p>`,
  });
}

/** Says that something is done, and links to what comes next. */
export function donePage(
  view: View,
  { title, text, label, href = '/account' }: { title: string; text: string; label: string; href?: string },
): Html {
  return cardPage(view, {
    title,
    body: html`<p>${text}</p>
<p><a class="button" href="${href}">${label}</a></p>`,
  });
}
