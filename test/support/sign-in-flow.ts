import { createHash, randomBytes } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import type { TestApp } from './app.ts';
import type { RealProvider } from './oidc-provider.ts';

export const CLIENT = 'http://localhost:8000/signed-in?from=here';

export interface BegunSignIn {
  /** At the provider. */
  readonly location: URL;
  readonly state: string;
  readonly nonce: string;
  /** As a browser sends it back. */
  readonly cookie: string;
  readonly verifier: string;
}

export const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url');

/** Begins a sign-in as a client and its browser do. */
export async function begin(
  { call }: Pick<TestApp, 'call'>,
  provider: string,
  more: Record<string, string> = {},
): Promise<BegunSignIn> {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    redirect_uri: CLIENT,
    code_challenge: challengeOf(verifier),
    state: 'of the client',
    ...more,
  });
  const answer = await call('GET', `/oauth/${provider}/authorize?${query.toString()}`);
  return { ...readRedirect(answer), verifier };
}

/** Where `authorize` sends the browser, and what it binds it with. */
export function readRedirect(answer: LightMyRequestResponse): Omit<BegunSignIn, 'verifier'> {
  if (answer.statusCode !== 302) throw new Error(answer.body);
  const location = new URL(answer.headers.location as string);
  return {
    location,
    state: location.searchParams.get('state') ?? '',
    nonce: location.searchParams.get('nonce') ?? '',
    cookie: String(answer.headers['set-cookie'] ?? '').split(';')[0] as string,
  };
}

/** Brings a provider's answer back in the browser that began. */
export function comeBack(
  { call }: Pick<TestApp, 'call'>,
  provider: string,
  answer: Record<string, string>,
  cookie: string,
): Promise<LightMyRequestResponse> {
  const query = new URLSearchParams(answer).toString();
  return call('GET', `/oauth/${provider}/callback?${query}`, { headers: { cookie } });
}

/** What the client was told by its redirect URI. */
export function told(answer: LightMyRequestResponse): Record<string, string> {
  if (answer.statusCode !== 302) throw new Error(answer.body);
  return Object.fromEntries(new URL(answer.headers.location as string).searchParams);
}

/** What the provider answers with, in the address that it sends the browser to. */
export const answerIn = ({ searchParams }: URL): Record<string, string> => Object.fromEntries(searchParams);

/** Signs somebody in at a provider and comes back, as a client and its browser do. */
export async function signInAs(
  world: Pick<TestApp, 'call'>,
  provider: RealProvider,
  login: string,
): Promise<{
  begun: BegunSignIn;
  back: URL;
  answer: LightMyRequestResponse;
  client: Record<string, string>;
}> {
  const { id } = provider.entry;
  const begun = await begin(world, id);
  const back = await provider.signIn(begun.location.href, login);
  const answer = await comeBack(world, id, answerIn(back), begun.cookie);
  return { begun, back, answer, client: told(answer) };
}

/** Where the ticket of a link to be made leads the browser. */
export const pathIn = (ticket: LightMyRequestResponse): string =>
  String(ticket.json().authorize_url).replace('http://localhost:8000', '');
