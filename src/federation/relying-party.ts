import type { ClientAuth, Configuration } from 'openid-client';
import type { Deps } from '../platform/deps.ts';
import { appleClientSecret } from './apple-secret.ts';
import { boundedFetch } from './bounded-fetch.ts';
import type { Binding } from './browser-binding.ts';
import { githubIdentity, githubMetadata } from './github.ts';
import { SKEW_SECONDS, verifyIdToken } from './id-token.ts';
import { identityOf, type ProvenIdentity } from './identity.ts';
import { issuerOf } from './issuer.ts';
import type { Provider } from './provider.ts';

type RedirectProvider = Provider & { readonly clientSecret: string };

// Loaded when somebody first signs in through a provider: most starts never need it.
const load = () => import('openid-client');

/** Where a provider sends people back to; this is what is registered in its console. */
export function callbackUrl({ config }: Pick<Deps, 'config'>, { id }: Pick<Provider, 'id'>): string {
  return `${config.http.publicUrl}/oauth/${id}/callback`;
}

/** Where to send a person (OpenID Connect Core §3.1.2.1), with PKCE (RFC 7636). Throws `ProviderUnavailable`. */
export async function authorizationUrl(
  deps: Deps,
  provider: RedirectProvider,
  state: string,
  { verifier, nonce }: Binding,
): Promise<string> {
  const client = await load();
  const [configuration] = await configure(deps, provider);
  const [domain, ...more] = provider.allowedDomains;
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: callbackUrl(deps, provider),
    scope: provider.scopes.join(' '),
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...(provider.kind !== 'github' && { nonce }),
    // Apple gives name and address only by a form that it posts.
    ...(provider.kind === 'apple' && { response_mode: 'form_post' }),
    ...(provider.kind === 'google' && domain !== undefined && { hd: more.length === 0 ? domain : '*' }),
  });
  return url.href;
}

/**
 * Checks a provider's answer (state, `iss` by RFC 9207), redeems its code, and verifies who it is about. Throws the
 * errors of openid-client and of `verifyIdToken`, `ProviderUnavailable`, and `provider_account_refused`.
 */
export async function redeem(
  deps: Deps,
  provider: RedirectProvider,
  answer: URLSearchParams,
  { state, binding }: { state: string; binding: Binding },
): Promise<ProvenIdentity> {
  const client = await load();
  const [configuration, other] = await configure(deps, provider);
  const isOpenId = provider.kind !== 'github';
  const grant = (by: Configuration) =>
    client.authorizationCodeGrant(by, new URL(`${callbackUrl(deps, provider)}?${answer.toString()}`), {
      expectedState: state,
      pkceCodeVerifier: binding.verifier,
      ...(isOpenId && { expectedNonce: binding.nonce, idTokenExpected: true }),
    });
  const tokens = await grant(configuration).catch((error: unknown) => {
    if (other === undefined || !refusesClient(error)) throw error;
    return grant(other);
  });
  if (!isOpenId) return githubIdentity(provider, tokens.access_token);
  // openid-client relies on TLS in place of the signature (Core §3.1.3.7); we verify it, as for a token from a stranger.
  const verified = await verifyIdToken(deps, provider, tokens.id_token as string, binding.nonce);
  const { userinfo_endpoint, issuer } = configuration.serverMetadata();
  // Core §5.4: a provider may give both claims at the userinfo endpoint alone. Okta leaves only `email_verified` out of
  // its tokens.
  const isSilent =
    provider.kind === 'oidc' && (verified.email === undefined || verified.email_verified === undefined);
  const more =
    isSilent && userinfo_endpoint !== undefined
      ? await client.fetchUserInfo(configuration, tokens.access_token, verified.sub as string)
      : {};
  return identityOf(provider, provider.kind === 'google' ? provider.issuer : issuer, {
    ...verified,
    ...more,
    sub: verified.sub,
  });
}

// RFC 6749 §5.2: the client is authenticated before its code is looked at, so the code still works.
function refusesClient(error: unknown): boolean {
  const { error: word, status } = error as { error?: unknown; status?: unknown };
  return word === 'invalid_client' || status === 401;
}

// One for each client authentication that the provider names, since it does not say which one our client is registered with.
async function configure(
  deps: Deps,
  provider: RedirectProvider,
): Promise<[Configuration, Configuration | undefined]> {
  const client = await load();
  const metadata =
    provider.kind === 'github'
      ? githubMetadata(provider)
      : await issuerOf(provider, deps.clock).metadata.current();
  // The library reads {tenantid} only for an issuer of Microsoft's own host; naming that one here covers its other clouds too.
  const server =
    provider.kind === 'microsoft' ? 'https://login.microsoftonline.com/common/v2.0' : metadata.issuer;
  const details = {
    client_secret: provider.clientSecret,
    [client.clockTolerance]: SKEW_SECONDS,
  };
  const configureBy = async (authentication: ClientAuth) => {
    const configuration = await client.discovery(
      new URL(server),
      provider.clientId,
      details,
      authentication,
      {
        // The metadata that was already fetched, under limits of our own, and remembered.
        [client.customFetch]: async () => Response.json(metadata),
        execute: [client.allowInsecureRequests],
      },
    );
    configuration[client.customFetch] = boundedFetch as never;
    return configuration;
  };
  const [first, second] = await authenticationsOf(deps, provider, metadata);
  return [await configureBy(first), second && (await configureBy(second))];
}

async function authenticationsOf(
  deps: Deps,
  provider: RedirectProvider,
  metadata: Readonly<Record<string, unknown>>,
): Promise<[ClientAuth, ClientAuth?]> {
  const client = await load();
  if (provider.apple !== null) return [client.ClientSecretPost(await appleClientSecret(deps, provider))];
  const methods = metadata.token_endpoint_auth_methods_supported;
  const basic = client.ClientSecretBasic(provider.clientSecret);
  if (!Array.isArray(methods) || !methods.includes('client_secret_post')) return [basic];
  const post = client.ClientSecretPost(provider.clientSecret);
  // Not every provider decodes what HTTP Basic encodes (RFC 6749 §2.3.1), and some accept nothing but Basic.
  return methods.includes('client_secret_basic') ? [post, basic] : [post];
}
