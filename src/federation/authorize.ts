import { consumeChallenge } from '../challenges/consume.ts';
import { issueChallenge } from '../challenges/issue.ts';
import type { Caller } from '../platform/caller.ts';
import type { Config } from '../platform/config.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem } from '../platform/problems.ts';
import { answerUrl, failureWord, messagesOf } from './answer.ts';
import { bindingOf, newBinding, STATE_LIFETIME } from './browser-binding.ts';
import { findRedirectProvider } from './provider.ts';
import { authorizationUrl } from './relying-party.ts';

export interface Authorization {
  readonly redirectUri: string;
  /** RFC 7636 §4.2, by S256: only whoever began the sign-in can finish it. */
  readonly codeChallenge: string;
  /** The client's own state, given back with the code. */
  readonly clientState: string | null;
  /** From `POST /users/me/identities/{id}`: the sign-in then links, and logs nobody in. */
  readonly linkTicket: string | null;
}

/** What a sign-in that is under way remembers. */
export interface PendingSignIn extends Omit<Authorization, 'linkTicket'> {
  readonly provider: string;
  readonly browser: string;
}

/**
 * Begins a sign-in at a provider, in the browser that sent these cookies: returns where to send it, and the cookies that bind the
 * sign-in to it.
 * Refuses as `findRedirectProvider` does, with `redirect_not_allowed`, and with `invalid_link` for a link ticket that
 * is spent or old; where the provider cannot be reached, the client is told at its redirect URI.
 */
export async function authorize(
  deps: Deps,
  caller: Caller,
  providerId: string,
  { linkTicket, ...pending }: Authorization,
  cookies: string | undefined,
): Promise<{ location: string; setCookies: string[] }> {
  const { config, db, random } = deps;
  const provider = findRedirectProvider(config, providerId);
  refuseForeignRedirect(deps, pending.redirectUri);
  const secret = random.bytes(32).toString('base64url');
  const binding = bindingOf(secret);
  const state = await db.transaction(async tx => {
    const link =
      linkTicket === null
        ? null
        : await consumeChallenge(deps, tx, { purpose: 'link-identity', token: linkTicket });
    if (linkTicket !== null && link?.data.provider !== providerId) return null;
    const { token } = await issueChallenge(deps, tx, {
      purpose: 'oauth-state',
      userId: link?.userId ?? null,
      data: { ...pending, provider: providerId, browser: binding.browser } satisfies PendingSignIn,
      lifetime: STATE_LIFETIME,
    });
    return token;
  });
  if (state === null) throw new Problem('invalid_link');
  try {
    const location = await authorizationUrl(deps, provider, state, binding);
    return { location, setCookies: newBinding(config, cookies, { state, secret }) };
  } catch (error) {
    const line = { request_id: caller.requestId, provider: providerId, error: messagesOf(error) };
    deps.log.warn(line, 'a provider cannot be used');
    return { location: answerUrl(pending, { error: failureWord(error) }), setCookies: [] };
  }
}

/** Where our own hosted pages take a sign-in over, whatever REDIRECT_URIS says. */
export function hostedCallback({ http }: Pick<Config, 'http'>): string {
  return `${http.publicUrl}/account/sign-in/callback`;
}

/** RFC 9700 §2.1: redirect URIs match exactly. Refuses with `redirect_not_allowed`. */
export function refuseForeignRedirect({ config }: Pick<Deps, 'config'>, redirectUri: string): void {
  const allowed = config.redirectUris.includes(redirectUri) || redirectUri === hostedCallback(config);
  if (!allowed) throw new Problem('redirect_not_allowed');
}
