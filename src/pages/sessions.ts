import { describeDevice } from '../delivery/device.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { isProblem, Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';
import { endOwnSession } from '../sessions/end.ts';
import { listSessions, type SessionBody } from '../sessions/list.ts';
import { logoutEverywhere } from '../sessions/logout.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section, time } from './account-page.ts';
import { dropTokens, personOf } from './browser-session.ts';
import { form, textOf } from './form.ts';
import { type Html, html } from './html.ts';
import { leadOn } from './message.ts';
import { page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/sessions';
// Whoever has more sessions can still end all of them together.
const MOST = 200;

/** Where somebody is signed in, and ending those sessions. */
export function sessionPages(app: App, deps: KeysDeps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    const { items: sessions } = await listSessions(deps, principal, { limit: MOST });
    return show(reply, sessionsPage(viewOf(deps, request, reply), principal, sessions));
  });

  app.post(`${PATH}/end`, { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    const id = readUuid(textOf(request, 'session_id', 64));
    if (id === null) throw new Problem('session_not_found');
    await endOwnSession(deps, principal, id).catch(unlessOver);
    return leadOn(deps, reply, `${PATH}?done=session_ended`);
  });

  app.post(`${PATH}/end-all`, { config: page }, async (request, reply) => {
    await logoutEverywhere(deps, await personOf(deps, request, reply));
    dropTokens(deps, reply);
    return reply.redirect('/account/sign-in', 303);
  });
}

// That the session has already ended is what was asked for.
function unlessOver(error: unknown): void {
  if (!isProblem(error, 'session_not_found')) throw error;
}

function sessionsPage(view: View, principal: UserPrincipal, sessions: readonly SessionBody[]): Html {
  const { sessions: words } = view.words;
  return accountPage(view, principal, {
    current: PATH,
    title: words.title,
    intro: words.intro,
    sections: html`${section({
      id: 'sessions',
      title: words.list,
      body: html`<ul class="rows">${sessions.map(session => row(view, session))}</ul>`,
    })}
${section({
  id: 'everywhere',
  title: words.all,
  body: html`<p>${words.allText}</p>
${form(view, { action: `${PATH}/end-all`, submit: words.endAll, tone: 'danger' })}`,
})}`,
  });
}

function row(view: View, session: SessionBody): Html {
  const { sessions: words } = view.words;
  const device = describeDevice(session.user_agent ?? '') ?? words.unknown;
  return html`<li><div><h3>${device}${session.current && html` <span class="tag good">${words.current}</span>`}</h3>
<p class="hint">${session.ip} · ${words.seen} ${time(view, session.last_seen_at)} · ${words.since} ${time(view, session.created_at)}</p></div>
${
  !session.current &&
  form(view, {
    action: `${PATH}/end`,
    submit: words.end,
    hidden: { session_id: session.id },
    tone: 'quiet',
    accessibleName: `${words.end}: ${device}`,
  })
}</li>`;
}
