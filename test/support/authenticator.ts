import type { CDPSession, Page } from 'playwright-core';

export interface VirtualAuthenticator {
  readonly id: string;
  readonly cdp: CDPSession;
}

/** Gives a page an authenticator with a person who always says yes (CDP WebAuthn). */
export async function addAuthenticator(
  page: Page,
  options: Readonly<Record<string, unknown>> = {},
): Promise<VirtualAuthenticator> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  return { id: authenticatorId, cdp };
}

/** What the page's browser makes of creation options, in JSON. */
export const createCredential = (page: Page, options: unknown): Promise<Record<string, unknown>> =>
  ceremony(page, 'create', 'parseCreationOptionsFromJSON', options);

/** What the page's browser answers to request options, in JSON. */
export const getCredential = (page: Page, options: unknown): Promise<Record<string, unknown>> =>
  ceremony(page, 'get', 'parseRequestOptionsFromJSON', options);

// As text: these names are the browser's, not Node's.
function ceremony(
  page: Page,
  verb: string,
  parse: string,
  options: unknown,
): Promise<Record<string, unknown>> {
  return page.evaluate(`(async () => {
    const publicKey = PublicKeyCredential.${parse}(${JSON.stringify(options)});
    return (await navigator.credentials.${verb}({ publicKey })).toJSON();
  })()`);
}
