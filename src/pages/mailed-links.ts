import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { Problem } from '../platform/problems.ts';
import type { PageRequest } from './exchange.ts';
import { form, textOf } from './form.ts';
import { donePage, gonePage } from './gone-page.ts';
import { addressOf, type Html, html } from './html.ts';
import { cardPage } from './layout.ts';
import { type LinkPage, linkPages } from './link-pages.ts';
import { page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

/**
 * What links in mails open. A GET only looks and spends nothing, so a mail scanner may follow the link; only the button
 * acts. The token moves into the form, so the next page has none in its address.
 */
export function mailedLinkPages(app: App, deps: Deps): void {
  for (const link of linkPages) {
    const path = `/account/${link.action}`;

    app.get(path, { config: page }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      const token = tokenIn(request);
      const address = await link.find(deps, token);
      if (address === null) return show(reply, gonePage(view), 410);
      return show(reply, askPage(view, link, { token, address }));
    });

    app.post(path, { config: { ...page, limit: link.limit } }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      try {
        await link.act(deps, callerOf(request), textOf(request, 'token', 200));
      } catch (error) {
        if (!(error instanceof Problem && GONE.has(error.code))) throw error;
        return show(reply, gonePage(view), 410);
      }
      return reply.redirect(`${path}/done`, 303);
    });

    app.get(`${path}/done`, { config: page }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      const { doneTitle: title, done: text } = link.words(view.words.links);
      return show(reply, donePage(view, { title, text, label: view.words.links.gone.home }));
    });
  }
}

const GONE: ReadonlySet<string> = new Set(['invalid_link', 'invalid_verification_token']);

/** The token in the address of a mailed link; '' where there is none. */
function tokenIn({ query }: Pick<PageRequest, 'query'>): string {
  const { token } = query as { token?: unknown };
  return typeof token === 'string' ? token : '';
}

function askPage(
  view: View,
  { action, words, danger }: LinkPage,
  { token, address }: { token: string; address: string },
): Html {
  const { title, about, consequences = [], submit } = words(view.words.links);
  const [before, subject, after] = about(address);
  return cardPage(view, {
    title,
    body: html`<p>${before}${addressOf(subject)}${after}</p>
${consequences.length > 0 && html`<ul class="points">${consequences.map(text => html`<li>${text}</li>`)}</ul>`}
${form(view, { action: `/account/${action}`, submit, hidden: { token }, ...(danger && { tone: 'danger' }) })}`,
  });
}
