import type { UserPrincipal } from '../sessions/principal.ts';
import { form } from './form.ts';
import { type Html, html, type Renderable } from './html.ts';
import { brandLink, documentOf } from './layout.ts';
import type { View } from './view.ts';

/** The pages of the account, in the order of the menu. */
const MENU = [
  ['/account', 'profile'],
  ['/account/security', 'security'],
  ['/account/sessions', 'sessions'],
  ['/account/activity', 'activity'],
  ['/account/data', 'data'],
] as const;

export interface AccountPage {
  /** The menu's entry that the page belongs to. */
  readonly current: (typeof MENU)[number][0];
  readonly title: string;
  readonly intro?: Renderable;
  readonly sections: Renderable;
}

/** A page of somebody who is signed in: the menu, the way out, and sections. */
export function accountPage(
  view: View,
  { account }: Pick<UserPrincipal, 'account'>,
  { current, title, intro, sections }: AccountPage,
): Html {
  const { words, done } = view;
  const dones: Readonly<Record<string, string>> = words.done;
  const told = done !== null && Object.hasOwn(dones, done) ? dones[done] : undefined;
  return documentOf(
    view,
    title,
    html`<header class="topbar"><div class="wide">
${brandLink(view)}
<div class="who"><span class="name">${account.full_name}</span>
${form(view, { action: '/account/sign-out', submit: words.signOut, tone: 'quiet' })}</div>
</div></header>
<div class="wide columns">
<nav aria-label="${words.menu.label}"><ul>${MENU.map(
      ([path, name]) =>
        html`<li><a href="${path}"${path === current && html` aria-current="page"`}>${words.menu[name]}</a></li>`,
    )}</ul></nav>
<main id="main">
<header class="page-head"><h1>${title}</h1>${intro && html`<p class="intro">${intro}</p>`}</header>
${told !== undefined && html`<p class="${done === 'unsent' ? 'alert' : 'notice'}" role="status">${told}</p>`}
${sections}
</main>
</div>`,
  );
}

/** One subject of an account page. */
export function section({ id, title, body }: { id: string; title: string; body: Renderable }): Html {
  return html`<section class="card" aria-labelledby="about-${id}">
<h2 id="about-${id}">${title}</h2>
${body}
</section>`;
}

/** A moment, in words and for machines. */
export function time({ words }: View, at: Date | string): Html {
  const date = new Date(at);
  const text = new Intl.DateTimeFormat(words.language, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: 'UTC',
  }).format(date);
  return html`<time datetime="${date.toISOString()}">${text} UTC</time>`;
}
