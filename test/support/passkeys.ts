import type { Browser, Page } from 'playwright-core';
import { type TestApp, testApp } from './app.ts';
import {
  addAuthenticator,
  createCredential,
  getCredential,
  type VirtualAuthenticator,
} from './authenticator.ts';
import { openChromium, withoutChromium } from './chromium.ts';
import { freePort } from './free-port.ts';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}
export type Json = Record<string, unknown>;

/** A service at an origin that passkeys can belong to, and Chromium where there is one. */
export interface PasskeyWorld {
  readonly service: TestApp;
  readonly origin: string;
  /** A page of the service that asks for no passkey of its own, with a virtual authenticator. */
  page(options?: Json): Promise<{ page: Page; authenticator: VirtualAuthenticator }>;
  call(url: string, body?: Json, token?: string): Promise<Answer>;
  /** Makes a passkey in the page for whoever the token speaks for. */
  addPasskey(page: Page, token: string, name?: string): Promise<Answer>;
  /** A signature of the page's authenticator for a sign-in that begins now. */
  assertion(page: Page): Promise<Json>;
  claimsOf(answer: Answer): { sub: string; amr?: string[] };
  close(): Promise<void>;
}

export async function passkeyWorld(): Promise<PasskeyWorld> {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const service = await testApp({
    http: { publicUrl: origin, appUrl: origin },
    passkeys: { rpId: 'localhost', origins: [origin] },
  });
  await service.app.listen({ port, host: '127.0.0.1' });
  const browser: Browser | null = withoutChromium ? null : await openChromium();
  const call = async (url: string, body: Json = {}, token?: string): Promise<Answer> => {
    const answer = await service.call('POST', url, { body, ...(token !== undefined && { token }) });
    return { status: answer.statusCode, body: answer.json() };
  };
  return {
    service,
    origin,
    call,
    async page(options = {}) {
      if (browser === null) throw new Error('There is no Chromium here.');
      const page = await (await browser.newContext()).newPage();
      await page.goto(`${origin}/account/forgot-password`);
      return { page, authenticator: await addAuthenticator(page, options) };
    },
    async addPasskey(page, token, name = 'Laptop') {
      const { body } = await call('/mfa/passkeys/options', {}, token);
      return call('/mfa/passkeys', { name, response: await createCredential(page, body.options) }, token);
    },
    async assertion(page) {
      const { body } = await call('/token/passkey/options');
      return getCredential(page, body.options);
    },
    claimsOf: ({ body }) =>
      service.deps.keys.verify(String(body.access_token)) as { sub: string; amr?: string[] },
    async close() {
      await browser?.close();
      await service.close();
    },
  };
}
