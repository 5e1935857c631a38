import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { Browser, signedIn } from '../../test/support/browser.ts';
import { type RealProvider, realProvider } from '../../test/support/oidc-provider.ts';
import { person } from '../../test/support/people.ts';

let provider: RealProvider;
let world: TestApp;
beforeAll(async () => {
  provider = await realProvider('http://localhost:8000/oauth/acme/callback');
  world = await testApp({ oidcProviders: [provider.entry], redirectUris: ['https://app.example.com'] });
  world.deps.clock.set(new Date());
});
afterAll(async () => {
  await world.close();
  await provider.stop();
});

const pathOf = (url: URL | string) => {
  const { pathname, search } = new URL(url, 'http://localhost:8000');
  return `${pathname}${search}`;
};

/** Follows redirects of ours until one leaves for the provider. */
async function toProvider(browser: Browser, path: string): Promise<string> {
  const { body, headers } = await browser.get(path);
  if (headers.location === undefined) throw new Error(body);
  if (headers.location.startsWith(provider.issuer)) return headers.location;
  return toProvider(browser, pathOf(headers.location));
}

/** Signs in at the provider, and comes back. */
async function signInAt(browser: Browser, location: string, login: string | null) {
  const back = await browser.get(pathOf(await provider.signIn(location, login)));
  return browser.get(pathOf(back.headers.location ?? ''));
}

const throughProvider = async (browser: Browser, path: string, login: string | null) =>
  signInAt(browser, await toProvider(browser, path), login);

const linkOf = (page: string, start: string) =>
  new RegExp(`href="(${start}[^"]*)"`).exec(page)?.[1]?.replaceAll('&amp;', '&') ?? '';

test("a provider's button signs somebody in, and leads to the page that was asked for", async () => {
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-in?next=%2Faccount%2Fsecurity');
  expect(page.body).toContain('Continue with Acme');
  const answer = await throughProvider(browser, linkOf(page.body, '/account/sign-in/with/acme'), 'grace');
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/security']);
  const security = await browser.get('/account/security');
  expect(security.body).toContain('Unlink: Acme');
  const kept = await browser.submit(security, {}, {}, '/account/security/identities/unlink');
  expect(kept.statusCode).toBe(409);
  expect(kept.body).toContain('This is the only way into your account');
});

test('whoever cancels at the provider is back where they were: at linking, or signing in to go on', async () => {
  const browser = new Browser(world);
  const path = '/account/sign-in/with/acme?next=%2Faccount%2Fsessions';
  const cancelled = await throughProvider(browser, path, null);
  expect(cancelled.body).toContain('name="next" value="/account/sessions"');

  const ada = await person(world);
  const page = await browser.get('/account/sign-in');
  await browser.submit(page, { username: ada.email, password: ada.password });
  const security = await browser.get('/account/security');
  const link = linkOf(security.body, '/account/security/identities/acme');
  const unlinked = await throughProvider(browser, link, null);
  expect(unlinked.statusCode).toBe(400);
  expect(unlinked.body).toContain('<h1>Security</h1>');
  expect(unlinked.body).toContain('Linking was not completed there. Please try again.');
});

test('the sign-up page has the buttons too: they make an account, and whoever cancels there is back on that page', async () => {
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-up');
  expect(page.body).toContain('Sign up with Acme');
  const start = linkOf(page.body, '/account/sign-up/with/acme');
  const cancelled = await throughProvider(browser, start, null);
  expect(cancelled.statusCode).toBe(400);
  expect(cancelled.body).toContain('<h1>Create your account</h1>');
  expect(cancelled.body).toContain('The sign-in was not completed there.');
  expect(linkOf(cancelled.body, '/account/sign-up/with/acme')).toBe(start);

  const answer = await throughProvider(browser, start, 'newcomer');
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account']);
  expect((await browser.get('/account')).body).toContain('newcomer@');
});

test('whose address the provider has not verified is told so, and of no account that is not there', async () => {
  const browser = new Browser(world);
  const refused = await throughProvider(browser, '/account/sign-in/with/acme', 'unverified-eve');
  expect(refused.statusCode).toBe(409);
  expect(refused.body).toContain('The provider has not verified your address. Verify it there');
  expect(refused.body).not.toContain('An account with');
});

test('a sign-in that is cancelled, or comes back to another browser, signs nobody in', async () => {
  const browser = new Browser(world);
  const cancelled = await throughProvider(browser, '/account/sign-in/with/acme', null);
  expect(cancelled.statusCode).toBe(400);
  expect(cancelled.body).toContain('The sign-in was not completed there.');
  const stolen = await new Browser(world).get(`/account/sign-in/callback?code=${'a'.repeat(43)}&state=x`);
  expect(stolen.statusCode).toBe(400);
  expect((await browser.get('/account')).statusCode).toBe(303);
});

test('two tabs sign in beside each other, whichever comes back first, and a third that is cancelled', async () => {
  const browser = new Browser(world);
  const first = await toProvider(browser, '/account/sign-in/with/acme?next=%2Faccount%2Fsecurity');
  const second = await toProvider(browser, '/account/sign-in/with/acme?next=%2Faccount%2Fsessions');
  const third = await toProvider(browser, '/account/sign-in/with/acme');
  expect((await signInAt(browser, third, null)).statusCode).toBe(400);
  expect((await signInAt(browser, first, 'grace')).headers.location).toBe('/account/security');
  expect((await signInAt(browser, second, 'grace')).headers.location).toBe('/account/sessions');
  expect([...browser.cookies.keys()].filter(name => /oauth|provider/.test(name))).toEqual([]);
});

test('a provider is linked from the account alone, by this browser, and unlinked again', async () => {
  const ada = await person(world);
  const browser = new Browser(world);
  await browser.submit(await browser.get('/account/sign-in'), {
    username: ada.email,
    password: ada.password,
  });
  const lured = await browser.get('/account/security/identities/acme');
  expect(lured.statusCode).toBe(403);
  const page = await browser.get('/account/security');
  const answer = await throughProvider(
    browser,
    linkOf(page.body, '/account/security/identities/acme'),
    'ada-elsewhere',
  );
  expect(answer.headers.location).toBe('/account/security');
  const linked = await browser.follow(answer);
  expect(linked.body).toContain('It was linked.');
  const unlinked = await browser.submitAndFollow(linked, {}, '/account/security/identities/unlink');
  expect(unlinked.body).toContain('It was unlinked.');
});

test('the session that the browser had ends with a sign-in at a provider (ASVS 7.2.4)', async () => {
  const browser = await signedIn(world, await person(world));
  const token = String(browser.cookies.get('entrecore_access'));
  const answer = await throughProvider(browser, '/account/sign-in/with/acme', 'grace');
  expect(answer.headers.location).toBe('/account');
  expect((await world.call('GET', '/users/me', { token })).statusCode).toBe(401);
  expect((await browser.get('/account')).statusCode).toBe(200);
});

// Another site may send a browser here again and again, from a window that it opened.
test('a browser keeps the cookies of eight sign-ins under way, the newest, and not of as many as it was sent to', async () => {
  const browser = new Browser(world);
  const client = new URLSearchParams({
    redirect_uri: 'https://app.example.com',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  });
  for (let time = 0; time < 10; time++) {
    await browser.get('/account/sign-in/with/acme');
    await browser.get(`/oauth/acme/authorize?${client.toString()}`);
  }
  const location = await toProvider(browser, '/account/sign-in/with/acme?next=%2Faccount%2Fsecurity');
  const kinds = [...browser.cookies.keys()].map(name => name.slice(0, -12));
  expect(kinds.filter(kind => kind === 'entrecore_oauth_')).toHaveLength(8);
  expect(kinds.filter(kind => kind === 'entrecore_provider_')).toHaveLength(8);
  const answer = await signInAt(browser, location, 'heidi');
  expect([answer.statusCode, answer.headers.location]).toEqual([303, '/account/security']);
});
