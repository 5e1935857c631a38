import { flag, list, matching, text } from '../parsers.ts';
import { oidcProviders } from '../provider-parser.ts';
import { passkeyOrigin, secureUrl } from '../url-parsers.ts';
import { optional, setting } from '../variable.ts';

/** The host that the other one is a subdomain of; if neither is, that of the service, which serves the hosted pages. */
function commonHost(publicUrl: string, appUrl: string): string {
  const [own, app] = [publicUrl, appUrl].map(url => URL.parse(url)?.hostname ?? 'localhost') as [
    string,
    string,
  ];
  return own.endsWith(`.${app}`) ? app : own;
}

function originsOf(...urls: string[]): string {
  return [...new Set(urls.map(url => URL.parse(url)?.origin ?? url))].join(',');
}

export const signIn = {
  REQUIRE_VERIFIED_EMAIL: setting(
    flag,
    'Logins need a verified address; sign-up then hides whether an address is taken.',
    'false',
  ),
  BOOTSTRAP_ADMIN_EMAIL: optional(
    text,
    'Address of the first administrator. If there is no administrator at start, this one is made, as a new verified account.',
  ),
  BOOTSTRAP_ADMIN_PASSWORD: optional(
    text,
    'Password of the administrator BOOTSTRAP_ADMIN_EMAIL; change it after the first login.',
    {
      secret: true,
    },
  ),
  SIGN_IN_BY_MAIL: setting(
    flag,
    'Lets people sign in without a password, by a mailed link or six-digit code.',
    'false',
  ),
  WEBAUTHN_RP_ID: setting(
    matching(/^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'a domain in lower case, without scheme and port'),
    'The domain that passkeys belong to: the domain of every page that uses them, or a parent of it. If you change it, existing passkeys stop working.',
    lookup => commonHost(`${lookup('PUBLIC_URL')}`, `${lookup('APP_URL')}`),
    { fallbackText: 'the host of PUBLIC_URL, or the host of APP_URL if that is a parent of it' },
  ),
  WEBAUTHN_ORIGINS: setting(
    list(passkeyOrigin),
    'Origins of the pages and mobile apps (android:apk-key-hash:…) that may use passkeys; separated by commas.',
    lookup => originsOf(`${lookup('PUBLIC_URL')}`, `${lookup('APP_URL')}`),
    { fallbackText: 'those of PUBLIC_URL and APP_URL' },
  ),
  GOOGLE_CLIENT_ID: optional(
    list(matching(/^\S+$/, 'client ids separated by commas')),
    'Client ids accepted as the aud of Google ID tokens, separated by commas; the web client first.',
    { fallbackText: 'none: Google sign-in is off' },
  ),
  GOOGLE_CLIENT_SECRET: optional(text, 'Needed by the redirect flow at /oauth/google.', { secret: true }),
  GOOGLE_ISSUER: setting(
    secureUrl,
    'Another issuer, for tests; https, or http on loopback.',
    'https://accounts.google.com',
  ),
  OIDC_PROVIDERS: setting(
    oidcProviders,
    'More OpenID Connect providers, as a JSON list of {id, name, type?, issuer, client_id, client_secret, scopes?, allowed_domains?, allowed_tenants?, audiences?, team_id?, key_id?}; see docs/providers.',
    '[]',
    { secret: true },
  ),
};
