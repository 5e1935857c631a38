import { authorize, hostedCallback } from '../federation/authorize.ts';
import { MOST_UNDER_WAY } from '../federation/browser-binding.ts';
import { exchange } from '../federation/exchange.ts';
import { beginLink, finishLink } from '../federation/link.ts';
import { unlinkIdentity } from '../federation/unlink.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { sha256 } from '../platform/digest.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { withoutOldest } from '../platform/http/cookies.ts';
import { isProblem } from '../platform/problems.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { personOf, replaceSession } from './browser-session.ts';
import { nameOf, readCookie, writeCookie } from './cookies.ts';
import type { PageReply, PageRequest } from './exchange.ts';
import { failureOf, failureSaying } from './failure.ts';
import { textOf } from './form.ts';
import { requireFormToken } from './form-token.ts';
import { leadOn } from './message.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { showSecurity } from './security.ts';
import { askSecondFactor } from './sign-in.ts';
import { otherWays, signInPage } from './sign-in-page.ts';
import { signUpPage } from './sign-up-page.ts';
import { type View, viewOf } from './view.ts';

const config = { ...page, limit: 'login' } as const;
// How long a person may take at the provider, in seconds.
const VERIFIER_AGE = 600;
const LINKING = 'link';
const SIGNING_UP = 'sign-up';

/** Signing in or up with a provider, linking and unlinking it: the client of the redirect flow that these pages are. */
export function providerPages(app: App, deps: KeysDeps): void {
  const begin = async (request: PageRequest & { params: unknown }, reply: PageReply, purpose: string) => {
    const { provider } = request.params as { provider: string };
    const asked = {
      redirectUri: hostedCallback(deps.config),
      ...keepVerifier(deps, request, reply, purpose),
      linkTicket: null,
    };
    const { cookie } = request.headers;
    const { location, setCookies } = await authorize(deps, callerOf(request), provider, asked, cookie);
    for (const written of setCookies) reply.header('set-cookie', written);
    return location;
  };

  app.get('/account/sign-in/with/:provider', { config, exposeHeadRoute: false }, async (request, reply) => {
    const next = nextPage((request.query as { next?: unknown }).next);
    return reply.redirect(await begin(request, reply, next), 303);
  });

  // A provider signs in and up alike: only whoever cancels there, or is refused, comes back to another page.
  app.get('/account/sign-up/with/:provider', { config, exposeHeadRoute: false }, async (request, reply) =>
    reply.redirect(await begin(request, reply, SIGNING_UP), 303),
  );

  // Linking begins at a link, since a form may not lead to another host; so that link carries the form's token.
  app.get(
    '/account/security/identities/:provider',
    { config, exposeHeadRoute: false },
    async (request, reply) => {
      const { provider } = request.params as { provider: string };
      const principal = await personOf(deps, request, reply, { recent: true });
      requireFormToken(deps, request, (request.query as { form_token?: unknown }).form_token);
      const { authorize_url } = await beginLink(deps, principal, provider, {
        redirectUri: hostedCallback(deps.config),
        ...keepVerifier(deps, request, reply, LINKING),
      });
      return reply.redirect(authorize_url, 303);
    },
  );

  app.get('/account/sign-in/callback', { config, exposeHeadRoute: false }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { code, state } = request.query as { code?: unknown; state?: unknown };
    const { purpose, codeVerifier } = takeVerifier(deps, request, reply, state);
    const next = nextPage(purpose);
    if (typeof code !== 'string' || codeVerifier === null) {
      const { signIn, security } = view.words;
      if (purpose !== LINKING)
        return show(reply, failedPage(deps, view, purpose, signIn.providerFailed), 400);
      const principal = await personOf(deps, request, reply);
      const failure = failureSaying(400, security.linkFailed);
      return showSecurity(deps, reply, view, { principal, failure });
    }
    const proof = { code, codeVerifier };

    if (purpose === LINKING) {
      const principal = await personOf(deps, request, reply);
      try {
        await finishLink(deps, principal, proof);
      } catch (error) {
        return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
      }
      return leadOn(deps, reply, '/account/security?done=linked');
    }
    try {
      await signInWithCode(deps, request, reply, proof);
    } catch (error) {
      if (isProblem(error, 'mfa_required')) return askSecondFactor(deps, reply, error, next);
      if (isProblem(error, 'account_disabled'))
        return show(reply, failedPage(deps, view, purpose, error.message), error.status);
      const failure = failureOf(view.words, error);
      const said = failure.summary ?? view.words.signIn.providerFailed;
      return show(reply, failedPage(deps, view, purpose, said), failure);
    }
    return leadOn(deps, reply, next);
  });

  app.post('/account/security/identities/unlink', { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, { recent: true });
    try {
      await unlinkIdentity(deps, principal, textOf(request, 'id', 64));
    } catch (error) {
      return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
    }
    return leadOn(deps, reply, '/account/security?done=unlinked');
  });
}

async function signInWithCode(
  deps: KeysDeps,
  request: PageRequest,
  reply: PageReply,
  proof: { code: string; codeVerifier: string },
): Promise<void> {
  const devices = devicesOf(deps, request.headers.cookie);
  await replaceSession(deps, request, reply, await exchange(deps, callerOf(request), proof, devices));
}

/**
 * A new PKCE verifier (RFC 7636 §4.1) in a cookie of its own, so that two tabs do not disturb each other, and the state that
 * names the cookie and what the sign-in is for. Forgets the oldest where too many are under way.
 */
function keepVerifier(
  { config, random }: KeysDeps,
  { headers }: PageRequest,
  reply: PageReply,
  purpose: string,
): { codeChallenge: string; clientState: string } {
  const verifier = random.bytes(32).toString('base64url');
  const id = random.bytes(9).toString('base64url');
  for (const cookie of withoutOldest(headers.cookie, nameOf(config, 'provider_'), MOST_UNDER_WAY - 1))
    reply.header('set-cookie', cookie);
  reply.header('set-cookie', writeCookie(config, `provider_${id}`, verifier, VERIFIER_AGE));
  return {
    codeChallenge: sha256(verifier).toString('base64url'),
    clientState: `${id}.${purpose}`,
  };
}

const STATE = /^([\w-]{12})\.(.*)$/;

/** What a sign-in is for and its verifier, whose cookie is removed; null where this browser began no such sign-in. */
function takeVerifier(
  { config }: KeysDeps,
  { headers }: PageRequest,
  reply: PageReply,
  state: unknown,
): { purpose: string; codeVerifier: string | null } {
  const [, id, purpose = ''] = (typeof state === 'string' && STATE.exec(state)) || [];
  if (id === undefined) return { purpose, codeVerifier: null };
  reply.header('set-cookie', writeCookie(config, `provider_${id}`, '', 0));
  return { purpose, codeVerifier: readCookie(config, headers.cookie, `provider_${id}`) };
}

function failedPage({ config }: KeysDeps, view: View, purpose: string, summary: string) {
  const failure = failureSaying(400, summary);
  const { providers, byMail } = otherWays(config);
  if (purpose === SIGNING_UP) return signUpPage(view, { failure, providers });
  return signInPage(view, { next: nextPage(purpose), failure, providers, byMail });
}
