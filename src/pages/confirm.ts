import type { AnsweredFactor } from '../authentication/answer-factor.ts';
import { beginPasskeyReauthentication, reauthenticateWithPasskey } from '../authentication/passkey.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { factorKindsOf } from '../mfa/factors.ts';
import { listPasskeys } from '../mfa/passkeys.ts';
import { textLoginCode } from '../mfa/sms.ts';
import { reauthenticate } from '../passwords/reauthenticate.ts';
import { findStoredPassword } from '../passwords/stored.ts';
import type { App } from '../platform/http/app.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { keepTokens, personOf } from './browser-session.ts';
import { type Asked, confirmPage } from './confirm-page.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { leadOn } from './message.ts';
import { assertionIn, confirmingPasskey } from './passkey-form.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { chosenFactor } from './second-factor-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/confirm';

/** Proving again who one is, before something that needs a recent proof (RFC 9470). */
export function confirmPages(app: App, deps: KeysDeps): void {
  const kindsOf = async ({ account, userId }: UserPrincipal) =>
    account.mfa_enabled ? ((await factorKindsOf(deps.db, userId)) as AnsweredFactor[]) : [];

  const passkeyFor = async (view: View, principal: UserPrincipal, next: string) => {
    if ((await listPasskeys(deps, principal)).length === 0) return null;
    return confirmingPasskey(view, PATH, { ask: await beginPasskeyReauthentication(deps, principal), next });
  };

  /** The address of the account whose password may be asked for; null where it has no password. */
  const passwordOwner = async ({ userId, account }: UserPrincipal) =>
    (await findStoredPassword(deps.db, userId)) === null ? null : account.email;

  const pageFor = async (view: View, principal: UserPrincipal, asked: Omit<Asked, 'passkey' | 'owner'>) =>
    confirmPage(view, await kindsOf(principal), {
      ...asked,
      passkey: await passkeyFor(view, principal, asked.next),
      owner: await passwordOwner(principal),
    });

  // Asks for a passkey, and so keeps a challenge.
  app.get(PATH, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const principal = await personOf(deps, request, reply);
    const { next, factor, sent } = request.query as Record<string, unknown>;
    const asked = { next: nextPage(next), factor, sent: sent !== undefined };
    return show(reply, await pageFor(viewOf(deps, request, reply), principal, asked));
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
      return show(reply, await pageFor(view, principal, { next, factor, failure }), failure);
    }
    return leadOn(deps, reply, next);
  });

  app.post(`${PATH}/passkey`, { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    try {
      keepTokens(deps, reply, await reauthenticateWithPasskey(deps, principal, assertionIn(request)));
    } catch (error) {
      const failure = failureOf(view.words, error);
      return show(reply, await pageFor(view, principal, { next, failure }), failure);
    }
    return leadOn(deps, reply, next);
  });

  app.post(`${PATH}/text`, { config: { ...page, limit: 'mfa' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    try {
      await textLoginCode(deps, principal);
    } catch (error) {
      const failure = failureOf(view.words, error);
      return show(reply, await pageFor(view, principal, { next, factor: 'sms', failure }), failure);
    }
    return reply.redirect(`${PATH}?factor=sms&sent=1&next=${encodeURIComponent(next)}`, 303);
  });
}
