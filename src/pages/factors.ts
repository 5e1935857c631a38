import type { KeysDeps } from '../keys/key-ring.ts';
import { removeFactor } from '../mfa/enrolment.ts';
import { newRecoveryCodes } from '../mfa/recovery-codes.ts';
import { confirmSms, enrolSms, isSmsCodeAwaited, requireSms } from '../mfa/sms.ts';
import { confirmTotp, enrolTotp, isNewestTotp } from '../mfa/totp.ts';
import type { App } from '../platform/http/app.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { personOf } from './browser-session.ts';
import { authenticatorPage, phoneCodePage, phonePage, recoveryCodesPage } from './factor-pages.ts';
import { type Failure, failureOf, failureSaying } from './failure.ts';
import { textOf } from './form.ts';
import { leadOn } from './message.ts';
import { type HtmlReply, page, show } from './prepare.ts';
import { showSecurity } from './security.ts';
import { phoneOf } from './sign-up-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/security';
const config = { ...page, limit: 'mfa' } as const;
const recent = { recent: true };

/** Setting up and removing second factors; all of it needs a recent proof. */
export function factorPages(app: App, deps: KeysDeps): void {
  authenticatorPages(app, deps);
  phonePages(app, deps);

  app.post(`${PATH}/recovery-codes`, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    try {
      return show(reply, recoveryCodesPage(view, principal, await newRecoveryCodes(deps, principal)));
    } catch (error) {
      return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
    }
  });

  for (const kind of ['totp', 'sms'] as const) {
    app.post(`${PATH}/${kind}/remove`, { config }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      const principal = await personOf(deps, request, reply, recent);
      try {
        await removeFactor(deps, principal, kind);
      } catch (error) {
        return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
      }
      return leadOn(deps, reply, `${PATH}?done=factor_removed`);
    });
  }
}

/** What a QR code holds, in bytes: a letter of a name may take nine. */
const LONGEST_URI = 2953;
/** A URI as our page has it, in ASCII; any other might be longer in bytes. */
const SHOWN_URI = /^otpauth:\/\/totp\/[!-~]*[?&]secret=([A-Z2-7]+)[!-~]*$/;

function authenticatorPages(app: App, deps: KeysDeps): void {
  const path = `${PATH}/authenticator`;

  const begin = async (reply: HtmlReply, view: View, principal: UserPrincipal, failure: Failure | null) => {
    try {
      const enrolment = await enrolTotp(deps, principal);
      return show(reply, authenticatorPage(view, principal, { ...enrolment, failure }), failure ?? undefined);
    } catch (error) {
      return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
    }
  };

  // The new secret has no effect before it is confirmed, so repeating the GET changes nothing that counts.
  app.get(path, { config }, async (request, reply) => {
    const principal = await personOf(deps, request, reply, recent);
    return begin(reply, viewOf(deps, request, reply), principal, null);
  });

  app.post(path, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    const factor_id = textOf(request, 'factor_id', 64);
    // Another tab has replaced the secret that this page shows: no code of it can be right any more.
    if (!(await isNewestTotp(deps, principal, factor_id)))
      return begin(reply, view, principal, failureSaying(409, view.words.authenticator.replaced));
    try {
      const codes = await confirmTotp(deps, principal, textOf(request, 'code', 64));
      return show(reply, recoveryCodesPage(view, principal, codes, 'totp'));
    } catch (error) {
      const failure = failureOf(view.words, error, ['code']);
      const otpauth_uri = textOf(request, 'uri', LONGEST_URI);
      const [, secret] = SHOWN_URI.exec(otpauth_uri) ?? [];
      if (secret === undefined) return reply.redirect(path, 303);
      const body = authenticatorPage(view, principal, { factor_id, secret, otpauth_uri, failure });
      return show(reply, body, failure);
    }
  });
}

function phonePages(app: App, deps: KeysDeps): void {
  const path = `${PATH}/phone`;

  app.get(path, { config }, async (request, reply) => {
    requireSms(deps);
    const principal = await personOf(deps, request, reply, recent);
    const number = principal.account.phone_number ?? '';
    return show(reply, phonePage(viewOf(deps, request, reply), principal, { number, failure: null }));
  });

  app.post(path, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    const number = textOf(request, 'phone_number', 64);
    try {
      await enrolSms(deps, principal, phoneOf(number));
    } catch (error) {
      const failure = failureOf(view.words, error, ['phone_number']);
      return show(reply, phonePage(view, principal, { number, failure }), failure);
    }
    return reply.redirect(`${path}/code`, 303);
  });

  app.get(`${path}/code`, { config }, async (request, reply) => {
    const principal = await personOf(deps, request, reply, recent);
    if (!(await isSmsCodeAwaited(deps, principal))) return reply.redirect(path, 303);
    return show(reply, phoneCodePage(viewOf(deps, request, reply), principal, null));
  });

  app.post(`${path}/code`, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    try {
      const codes = await confirmSms(deps, principal, textOf(request, 'code', 64));
      return show(reply, recoveryCodesPage(view, principal, codes, 'sms'));
    } catch (error) {
      const failure = failureOf(view.words, error, ['code']);
      return show(reply, phoneCodePage(view, principal, failure), failure);
    }
  });
}
