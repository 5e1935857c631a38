import { type IdentityBody, listIdentities } from '../federation/identities.ts';
import { canRedirect, providerName, providersOf } from '../federation/provider.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type FactorBody, listFactors } from '../mfa/factors.ts';
import { listPasskeys } from '../mfa/passkeys.ts';
import { sendsTexts } from '../mfa/sms.ts';
import { findStoredPassword } from '../passwords/stored.ts';
import type { App } from '../platform/http/app.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section, time } from './account-page.ts';
import { personOf } from './browser-session.ts';
import type { Failure } from './failure.ts';
import { alert, form } from './form.ts';
import { type Html, html, type Renderable } from './html.ts';
import { passkeySection } from './passkey-pages.ts';
import { type HtmlReply, page, show } from './prepare.ts';
import { type View, viewOf } from './view.ts';

/** How somebody signs in: the password, the second factors, the recovery codes. */
export function securityPages(app: App, deps: KeysDeps): void {
  app.get('/account/security', { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    return showSecurity(deps, reply, viewOf(deps, request, reply), { principal, failure: null });
  });
}

/** Answers with the page of all of it, and with why a change of it was refused. */
export async function showSecurity(
  deps: KeysDeps,
  reply: HtmlReply,
  view: View,
  { principal, failure }: { principal: UserPrincipal; failure: Failure | null },
): Promise<HtmlReply> {
  const { security: words } = view.words;
  const { factors, recovery_codes_left: left } = await listFactors(deps, principal);
  const identities = identitiesSection(deps, view, await listIdentities(deps, principal));
  const find = (kind: string) => factors.find(factor => factor.kind === kind);
  const phone = sendsTexts(deps.config) || find('sms') !== undefined;
  const body = accountPage(view, principal, {
    current: '/account/security',
    title: words.title,
    intro: words.intro,
    sections: html`${alert(failure)}
${section({
  id: 'password',
  title: words.password,
  body: passwordBody(view, await findStoredPassword(deps.db, principal.userId)),
})}
${section({
  id: 'factors',
  title: words.factors,
  body: html`<p>${words.factorsText}</p>
<ul class="rows">
${factorRow(view, { kind: 'totp', factor: find('totp'), path: '/account/security/authenticator' })}
${phone && factorRow(view, { kind: 'sms', factor: find('sms'), path: '/account/security/phone' })}
</ul>`,
})}
${passkeySection(view, await listPasskeys(deps, principal))}
${identities}
${
  factors.some(({ kind }) => kind !== 'passkey') &&
  section({
    id: 'recovery',
    title: words.recovery,
    body: html`<p>${words.recoveryLeft(left)}</p>
${form(view, { action: '/account/security/recovery-codes', submit: words.recoveryNew, tone: 'quiet' })}`,
  })
}`,
  });
  return show(reply, body, failure ?? undefined);
}

function passwordBody(view: View, password: { changedAt: Date } | null): Html {
  const { security: words } = view.words;
  return password === null
    ? html`<p>${words.passwordNone}</p>
${form(view, { action: '/account/password/mail', submit: words.passwordMail, tone: 'quiet' })}`
    : html`<p>${words.passwordText}</p>
<p class="hint">${words.passwordSince} ${time(view, password.changedAt)}</p>
<p><a class="button quiet" href="/account/password">${words.passwordChange}</a></p>`;
}

function factorRow(
  view: View,
  { kind, factor, path }: { kind: 'totp' | 'sms'; factor: FactorBody | undefined; path: string },
): Html {
  const { security: words } = view.words;
  const { name, text } = words[kind];
  const state: Renderable =
    factor === undefined
      ? text
      : html`${factor.phone_number} ${words.since} ${time(view, factor.created_at)}`;
  return html`<li><div><h3>${name}${factor !== undefined && html` <span class="tag good">${words.on}</span>`}</h3>
<p class="hint">${state}</p></div>
${
  factor === undefined
    ? html`<a class="button quiet" href="${path}" aria-label="${words.setUp}: ${name}">${words.setUp}</a>`
    : form(view, {
        action: `/account/security/${kind}/remove`,
        submit: words.remove,
        tone: 'quiet',
        accessibleName: `${words.remove}: ${name}`,
      })
}</li>`;
}

function identitiesSection(
  { config }: KeysDeps,
  view: View,
  identities: readonly IdentityBody[],
): Html | null {
  const { security: words } = view.words;
  const open = providersOf(config).filter(
    provider => canRedirect(provider) && !identities.some(identity => identity.provider === provider.id),
  );
  if (identities.length + open.length === 0) return null;
  const linked = identities.map(({ id, provider, email, created_at }) => {
    const name = providerName(config, provider);
    return html`<li><div><h3>${name}</h3><p class="hint">${email} ${words.since} ${time(view, created_at)}</p></div>
${form(view, { action: '/account/security/identities/unlink', submit: words.unlink, hidden: { id }, tone: 'quiet', accessibleName: `${words.unlink}: ${name}` })}</li>`;
  });
  const others = open.map(
    ({ id, name }) => html`<li><div><h3>${name}</h3></div>
<a class="button quiet" href="/account/security/identities/${encodeURIComponent(id)}?form_token=${view.formToken}" aria-label="${words.link}: ${name}">${words.link}</a></li>`,
  );
  return section({
    id: 'identities',
    title: words.identities,
    body: html`<p>${words.identitiesText}</p>
<ul class="rows">${linked}${others}</ul>`,
  });
}
