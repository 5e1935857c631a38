// What no form and no link of ours sends, at every page: a page refuses it, and is never a defect.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../support/app.ts';
import { Browser } from '../support/browser.ts';
import { PASSWORD, person } from '../support/people.ts';

const NAMES = [
  'id',
  'session_id',
  'token',
  'code',
  'factor',
  'response',
  'name',
  'next',
  'uri',
  'email',
  'username',
  'password',
  'confirm_password',
  'current_password',
  'new_password',
  'confirm_new_password',
  'first_name',
  'last_name',
  'phone_number',
  'confirmation',
  'cursor',
  'done',
  'sent',
  'state',
  'form_token',
];
const ASSERTION = JSON.stringify({
  id: 'x',
  rawId: 'x',
  type: 'public-key',
  response: { clientDataJSON: 'e30', attestationObject: 'oA', authenticatorData: 'e30', signature: 'e30' },
  clientExtensionResults: {},
});
const JUNK = ['', 'x', '\0', '\ud800', '__proto__', 'a@b', '{}', ASSERTION, '9'.repeat(5000)];

let world: TestApp;
beforeAll(async () => {
  world = await testApp({
    signInByMail: true,
    lockout: { attempts: 0 },
    sms: { webhook: { url: 'http://127.0.0.1:9', secret: 'sixteen bytes or more' } },
  });
});
afterAll(() => world.close());

/** Every page route with this method, as the router knows it. */
function pages(method: 'GET' | 'POST'): string[] {
  const parents: string[] = [];
  const found: string[] = [];
  for (const line of world.app.printRoutes({ method, commonPrefix: false }).split('\n')) {
    const [, indent, part, end] = /^(.*?)[├└]── (\S*)( \(.*\))?$/.exec(line) ?? [];
    if (indent === undefined || part === undefined) continue;
    const depth = indent.length / 4;
    parents[depth] = (depth === 0 ? '' : (parents[depth - 1] ?? '')) + part;
    if (end !== undefined && parents[depth].startsWith('/account')) found.push(parents[depth]);
  }
  return found;
}

async function signedIn(): Promise<Browser> {
  const ada = await person(world);
  const browser = new Browser(world);
  const page = await browser.get('/account/sign-in');
  await browser.submit(page, { username: ada.email, password: PASSWORD });
  return browser;
}

const formToken = (body: string) => /name="form_token" value="([^"]+)"/.exec(body)?.[1] ?? '';

test.each(['signed in', 'a stranger'])('junk at every page, %s', { timeout: 120_000 }, async who => {
  const defects: string[] = [];
  const note = (path: string, junk: string, { statusCode }: { statusCode: number }) => {
    if (statusCode >= 500) defects.push(`${path} ${JSON.stringify(junk.slice(0, 20))} ${statusCode}`);
  };
  for (const junk of JUNK) {
    const all = Object.fromEntries(NAMES.map(name => [name, junk]));
    const browser = who === 'signed in' ? await signedIn() : new Browser(world);
    const { body } = await browser.get(who === 'signed in' ? '/account' : '/account/sign-in');
    const query = new URLSearchParams(all).toString();
    for (const path of pages('GET'))
      note(path, junk, await browser.get(`${path.replace(/:\w+/, 'x')}?${query}`));
    for (const path of pages('POST'))
      if (!/sign-out|end-all/.test(path)) {
        const form = { ...all, form_token: formToken(body) };
        note(path, junk, await browser.request('POST', path.replace(/:\w+/, 'x'), form));
      }
  }
  expect([pages('POST').length > 30, pages('GET').length > 30, defects]).toEqual([true, true, []]);
});
