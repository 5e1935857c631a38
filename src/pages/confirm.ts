import type { AnsweredFactor } from '../authentication/answer-factor.ts';
import { beginPasskeyReauthentication, reauthenticateWithPasskey } from '../authentication/passkey.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { factorKindsOf } from '../mfa/factors.ts';
import { listPasskeys } from '../mfa/passkeys.ts';
import { textLoginCode } from '../mfa/sms.ts';
import { reauthenticate } from '../passwords/reauthenticate.ts';
import type { App } from '../platform/http/app.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { keepTokens, personOf } from './browser-session.ts';
import { type Failure, failureOf } from './failure.ts';
import { field, form, textOf } from './form.ts';
import { type Html, html } from './html.ts';
import { passkeyIcon } from './icons.ts';
import { cardPage } from './layout.ts';
import { assertionIn, passkeyForm } from './passkey-form.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { chosenFactor, codeForms } from './second-factor-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/confirm';

interface Asked {
  readonly next: string;
  readonly factor?: unknown;
  readonly failure?: Failure | null;
  readonly sent?: boolean;
  readonly passkey?: Html | null;
}

/** Proving again who one is, before something that needs a recent proof (RFC 9470). */
export function confirmPages(app: App, deps: KeysDeps): void {
  const kindsOf = async ({ account, userId }: UserPrincipal) =>
    account.mfa_enabled ? ((await factorKindsOf(deps.db, userId)) as AnsweredFactor[]) : [];

  const passkeyFor = async (view: View, principal: UserPrincipal, next: string) => {
    if ((await listPasskeys(deps, principal)).length === 0) return null;
    return passkeyForm(view, {
      action: `${PATH}/passkey`,
      submit: html`${passkeyIcon}${view.words.passkeys.confirm}`,
      tone: 'quiet',
      ask: { get: await beginPasskeyReauthentication(deps, principal) },
      hidden: { next },
    });
  };

  app.get(PATH, { config: page }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    const { next, factor, sent } = request.query as Record<string, unknown>;
    const view = viewOf(deps, request, reply);
    const passkey = await passkeyFor(view, principal, nextPage(next));
    const asked = { next: nextPage(next), factor, sent: sent !== undefined, passkey };
    return show(reply, confirmPage(view, await kindsOf(principal), asked));
  });

  app.post(PATH, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    const kinds = await kindsOf(principal);
    const factor = chosenFactor(kinds, textOf(request, 'factor'));
    try {
      const proof =
        kinds.length > 0
          ? { factor, code: textOf(request, 'code', 64) }
          : { password: textOf(request, 'password', 4096) };
      keepTokens(deps, reply, await reauthenticate(deps, principal, proof));
    } catch (error) {
      const failure = failureOf(view.words, error, ['password', 'code']);
      return show(reply, confirmPage(view, kinds, { next, factor, failure }), failure.status);
    }
    return reply.redirect(next, 303);
  });

  app.post(`${PATH}/passkey`, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    try {
      keepTokens(deps, reply, await reauthenticateWithPasskey(deps, principal, assertionIn(request)));
    } catch (error) {
      const failure = failureOf(view.words, error);
      const passkey = await passkeyFor(view, principal, next);
      const body = confirmPage(view, await kindsOf(principal), { next, failure, passkey });
      return show(reply, body, failure.status);
    }
    return reply.redirect(next, 303);
  });

  app.post(`${PATH}/text`, { config: { ...page, limit: 'mfa' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    try {
      await textLoginCode(deps, principal.userId);
    } catch (error) {
      const failure = failureOf(view.words, error);
      const body = confirmPage(view, await kindsOf(principal), { next, factor: 'sms', failure });
      return show(reply, body, failure.status);
    }
    return reply.redirect(`${PATH}?factor=sms&sent=1&next=${encodeURIComponent(next)}`, 303);
  });
}

function confirmPage(
  view: View,
  kinds: readonly AnsweredFactor[],
  { next, factor, failure = null, sent = false, passkey = null }: Asked,
): Html {
  const { confirm, signIn } = view.words;
  const body =
    kinds.length > 0
      ? codeForms(view, {
          action: PATH,
          next,
          kinds,
          factor: chosenFactor(kinds, factor),
          failure,
          sent,
          passkey,
        })
      : html`${form(view, {
          action: PATH,
          submit: confirm.submit,
          hidden: { next },
          failure,
          fields: field(view, failure, {
            name: 'password',
            label: signIn.password,
            type: 'password',
            autocomplete: 'current-password',
            autofocus: true,
          }),
        })}
${
  passkey &&
  html`<div class="ways"><p class="or">${signIn.or}</p>
${passkey}</div>`
}`;
  return cardPage(view, {
    title: confirm.title,
    body: html`<p>${confirm.intro}</p>
${body}`,
    after: html`<a href="/account">${confirm.back}</a>`,
  });
}
