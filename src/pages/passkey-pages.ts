import type { PasskeyBody } from '../mfa/passkeys.ts';
import type { CreationOptions } from '../mfa/webauthn.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section, time } from './account-page.ts';
import type { Failure } from './failure.ts';
import { alert, field, form } from './form.ts';
import { type Html, html } from './html.ts';
import { passkeyForm } from './passkey-form.ts';
import type { View } from './view.ts';

const CURRENT = '/account/security';

/** Naming and making a passkey. */
export function addPasskeyPage(
  view: View,
  principal: UserPrincipal,
  { options, name, failure }: { options: CreationOptions; name?: string; failure: Failure | null },
): Html {
  const { passkeys: words } = view.words;
  return accountPage(view, principal, {
    current: CURRENT,
    title: words.addTitle,
    intro: words.addIntro,
    sections: html`<section class="card">${alert(failure)}
${passkeyForm(view, {
  action: '/account/security/passkeys',
  submit: words.submit,
  ask: { create: options },
  fields: field(view, failure, {
    name: 'name',
    label: words.name,
    value: name ?? words.suggestion,
    hint: words.nameHint,
    maxLength: 64,
    autofocus: true,
  }),
})}
<p class="hint" data-without-passkeys>${words.noScript}</p></section>
<p><a href="${CURRENT}">${words.back}</a></p>`,
  });
}

/** The passkeys on the page about security. */
export function passkeySection(view: View, passkeys: readonly PasskeyBody[]): Html {
  const { passkeys: words, security } = view.words;
  const rows = passkeys.map(
    ({ id, name, backed_up, created_at, last_used_at }) =>
      html`<li><div><h3>${name}${backed_up && html` <span class="tag">${words.synced}</span>`}</h3>
<p class="hint">${security.since} ${time(view, created_at)}, ${last_used_at === null ? words.never : html`${words.used} ${time(view, last_used_at)}`}</p>
<details><summary>${words.rename}</summary>
${form(view, {
  action: '/account/security/passkeys/rename',
  submit: words.save,
  tone: 'quiet',
  hidden: { id },
  fields: html`<div class="field"><label for="name-${id}">${words.name}</label><input id="name-${id}" name="name" type="text" value="${name}" maxlength="64" required></div>`,
})}</details></div>
${form(view, { action: '/account/security/passkeys/remove', submit: words.remove, hidden: { id }, tone: 'quiet', accessibleName: `${words.remove}: ${name}` })}</li>`,
  );
  return section({
    id: 'passkeys',
    title: words.title,
    body: html`<p>${words.text}</p>
${rows.length > 0 && html`<ul class="rows">${rows}</ul>`}
<p><a class="button quiet" href="/account/security/passkeys">${words.add}</a></p>`,
  });
}
