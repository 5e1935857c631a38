import type { LightMyRequestResponse } from 'fastify';
import type { TestApp } from './app.ts';
import type { Person } from './people.ts';

type Page = Pick<LightMyRequestResponse, 'body'>;

/** A browser without scripts, as far as the pages need one: it keeps cookies, and sends a page's forms. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #world: Pick<TestApp, 'app'>;

  constructor(world: Pick<TestApp, 'app'>) {
    this.#world = world;
  }

  get(url: string): Promise<LightMyRequestResponse> {
    return this.request('GET', url);
  }

  async request(
    method: 'GET' | 'HEAD' | 'POST',
    url: string,
    form?: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<LightMyRequestResponse> {
    const answer = await this.#world.app.inject({
      method,
      url,
      headers: {
        ...(this.cookies.size > 0 && { cookie: [...this.cookies].map(pair => pair.join('=')).join('; ') }),
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form !== undefined && { payload: new URLSearchParams(form).toString() }),
    });
    for (const { name, value, maxAge } of answer.cookies) {
      // As browsers do: one of that name which they have already stays (RFC 6265bis §5.7).
      if (name.length + value.length > 4096) continue;
      if (maxAge === 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  /** Sends a form of the page, the one with this action or else the first but that for signing out, with its own values and those given. */
  submit(
    page: Page,
    values: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
    action?: string,
  ): Promise<LightMyRequestResponse> {
    const forms = [...page.body.matchAll(/<form method="post" action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/g)];
    const found = forms.find(([, to]) => (action === undefined ? to !== '/account/sign-out' : to === action));
    if (found === undefined) throw new Error(`The page has no form ${action ?? ''}`);
    const own = [...(found[2] as string).matchAll(/<input [^>]*>/g)].flatMap(([tag]) => {
      const name = / name="([^"]*)"/.exec(tag)?.[1];
      const value = / value="([^"]*)"/.exec(tag)?.[1];
      return name === undefined || value === undefined ? [] : [[name, unescape(value)] as const];
    });
    return this.request(
      'POST',
      unescape(found[1] as string),
      { ...Object.fromEntries(own), ...values },
      headers,
    );
  }

  /** Sends a form and follows where it leads. */
  async submitAndFollow(page: Page, values: Readonly<Record<string, string>> = {}, action?: string) {
    return this.follow(await this.submit(page, values, {}, action));
  }

  async follow(answer: LightMyRequestResponse): Promise<LightMyRequestResponse> {
    const { location } = answer.headers;
    return location === undefined ? answer : this.follow(await this.get(location));
  }
}

function unescape(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** A browser in which somebody has signed in with their password. */
export async function signedIn(
  world: Pick<TestApp, 'app'>,
  { email, password }: Person,
  browser = new Browser(world),
): Promise<Browser> {
  const answer = await browser.submit(await browser.get('/account/sign-in'), { username: email, password });
  if (answer.statusCode !== 303 || answer.headers.location !== '/account') throw new Error(answer.body);
  return browser;
}
