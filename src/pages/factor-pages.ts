import { renderSVG } from 'uqr';
import type { TotpEnrolment } from '../mfa/totp.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { accountPage, section } from './account-page.ts';
import type { Failure } from './failure.ts';
import { field, form } from './form.ts';
import { type Html, html, type Renderable, trusted } from './html.ts';
import type { View } from './view.ts';

const CURRENT = '/account/security';

const back = ({ words }: View) => html`<p><a href="${CURRENT}">${words.security.back}</a></p>`;

/** The QR code of a new secret, the secret for typing, and the field for the first code. */
export function authenticatorPage(
  view: View,
  principal: UserPrincipal,
  {
    factor_id,
    secret,
    otpauth_uri: uri,
    failure,
  }: Omit<TotpEnrolment, 'qr_svg'> & { readonly failure: Failure | null },
): Html {
  const { authenticator: words } = view.words;
  const qr = renderSVG(uri, { border: 2 });
  return accountPage(view, principal, {
    current: CURRENT,
    title: words.title,
    intro: words.intro,
    sections: html`${section({
      id: 'scan',
      title: words.scan,
      body: html`<figure class="qr" role="img" aria-label="${words.qr}">${trusted(qr)}</figure>
<p>${words.type}</p>
<p class="secret"><code>${secret.match(/.{1,4}/g)?.join(' ')}</code></p>`,
    })}
${section({
  id: 'code',
  title: words.enter,
  body: form(view, {
    action: '/account/security/authenticator',
    submit: words.submit,
    hidden: { factor_id, uri },
    failure,
    fields: codeField(view, failure),
  }),
})}
${back(view)}`,
  });
}

/** The number that codes are texted to. */
export function phonePage(
  view: View,
  principal: UserPrincipal,
  { number, failure }: { number: string; failure: Failure | null },
): Html {
  const { phone: words, signUp } = view.words;
  return onePart(view, principal, {
    title: words.title,
    intro: words.intro,
    body: form(view, {
      action: '/account/security/phone',
      submit: words.submit,
      failure,
      fields: field(view, failure, {
        name: 'phone_number',
        label: signUp.phone,
        type: 'tel',
        value: number,
        autocomplete: 'tel',
        hint: signUp.phoneHint,
        autofocus: true,
      }),
    }),
  });
}

/** The code that was texted to a new number. */
export function phoneCodePage(view: View, principal: UserPrincipal, failure: Failure | null): Html {
  const { phone: words, authenticator } = view.words;
  return onePart(view, principal, {
    title: words.title,
    intro: words.sent,
    body: html`${form(view, {
      action: '/account/security/phone/code',
      submit: authenticator.submit,
      failure,
      fields: codeField(view, failure),
    })}
<p><a href="/account/security/phone">${words.again}</a></p>`,
  });
}

/** Ten recovery codes: the only time that they can be read. */
export function recoveryCodesPage(
  view: View,
  principal: UserPrincipal,
  codes: readonly string[],
  added: 'totp' | 'sms' | null = null,
): Html {
  const { recoveryCodes: words } = view.words;
  return accountPage(view, principal, {
    current: CURRENT,
    title: words.title,
    intro: words.intro,
    sections: html`${added !== null && html`<p class="notice" role="status">${words.added[added]}</p>`}
${section({
  id: 'codes',
  title: words.list,
  body: html`<ol class="recovery" id="recovery-codes">${codes.map(code => html`<li><code>${code}</code></li>`)}</ol>
<div class="actions"><button type="button" class="button quiet" data-copies="recovery-codes" data-done="${words.copied}" hidden>${words.copy}</button>
<a class="button" href="${CURRENT}">${words.kept}</a></div>`,
})}`,
  });
}

function onePart(
  view: View,
  principal: UserPrincipal,
  { title, intro, body }: { title: string; intro: string; body: Renderable },
): Html {
  return accountPage(view, principal, {
    current: CURRENT,
    title,
    intro,
    sections: html`<section class="card">${body}</section>
${back(view)}`,
  });
}

function codeField(view: View, failure: Failure | null): Html {
  return field(view, failure, {
    name: 'code',
    label: view.words.authenticator.code,
    autocomplete: 'one-time-code',
    inputmode: 'numeric',
    maxLength: 12,
    autofocus: failure !== null,
  });
}
