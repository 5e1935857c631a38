import { listActivity } from '../audit/list.ts';
import type { EventBody } from '../audit/present.ts';
import { describeDevice } from '../delivery/device.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { accountPage, time } from './account-page.ts';
import { personOf } from './browser-session.ts';
import { type Html, html } from './html.ts';
import { page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/activity';
const LIMIT = 25;

/** What happened on the account, the newest first. */
export function activityPages(app: App, deps: KeysDeps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { activity: words } = view.words;
    const principal = await personOf(deps, request, reply);
    const { cursor } = request.query as { cursor?: unknown };
    const { items, next_cursor } = await listActivity(deps, principal.userId, {
      limit: LIMIT,
      ...(typeof cursor === 'string' && { cursor }),
    });
    return show(
      reply,
      accountPage(view, principal, {
        current: PATH,
        title: words.title,
        intro: words.intro,
        sections: html`<section class="card" aria-label="${words.title}">
<ul class="rows">${items.map(event => row(view, event))}</ul>
${items.length === 0 && html`<p>${words.none}</p>`}
</section>
${next_cursor !== null && html`<p><a class="button quiet" href="${PATH}?cursor=${encodeURIComponent(next_cursor)}">${words.older}</a></p>`}`,
      }),
    );
  });
}

function row(view: View, event: EventBody): Html {
  const { activity: words } = view.words;
  const texts: Readonly<Record<string, string>> = words.events;
  const where = [event.ip, event.user_agent === null ? null : describeDevice(event.user_agent)].filter(
    part => part !== null,
  );
  return html`<li><div><h2>${texts[event.type] ?? event.type}${event.outcome !== 'success' && html` <span class="tag warn">${words.refused}</span>`}</h2>
<p class="hint">${time(view, event.created_at)}${where.map(part => html` · ${part}`)}</p></div></li>`;
}
