// A certified OpenID Connect provider in a process of its own: `node oidc-provider-process.ts <port> <redirect_uri>…`.
// Its one page asks for a name; whoever says "ada" is signed in as ada@example.com.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const [port = '0', ...redirectUris] = process.argv.slice(2);
const server = createServer();
await new Promise<void>(resolve => server.listen(Number(port), '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const { privateKey } = await generateKeyPair('RS256', { extractable: true });
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'entrecore',
      client_secret: 'a secret of the test client',
      redirect_uris: redirectUris,
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' }] },
  cookies: { keys: ['a key of the test provider'] },
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name'],
  },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
  findAccount: (_context: unknown, accountId: string) => ({
    accountId,
    claims: () => ({
      sub: accountId,
      email: `${accountId}@example.com`,
      email_verified: !accountId.startsWith('unverified'),
      name: `${accountId} Example`,
    }),
  }),
  // Nobody is asked for consent.
  async loadExistingGrant({ oidc }: { oidc: GrantContext }) {
    const grant = new oidc.provider.Grant({
      clientId: oidc.client.clientId,
      accountId: oidc.session.accountId,
    });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
});

interface GrantContext {
  provider: {
    Grant: new (of: object) => { addOIDCScope(scope: string): void; save(): Promise<string> };
  };
  client: { clientId: string };
  session: { accountId: string };
}

const handle = provider.callback();
server.on('request', (request: IncomingMessage, response: ServerResponse) => {
  if (request.url?.startsWith('/interaction/') !== true) handle(request, response);
  else void interact(request, response);
});

async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { uid } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html; charset=utf-8').end(`<!doctype html><title>Provider</title>
      <form method="post" action="/interaction/${uid}"><label>Name <input name="login" autofocus></label>
      <button name="do" value="sign-in">Sign in</button><button name="do" value="cancel">Cancel</button></form>`);
    return;
  }
  const form = new URLSearchParams(await text(request));
  const result =
    form.get('do') === 'cancel'
      ? { error: 'access_denied', error_description: 'The person cancelled' }
      : { login: { accountId: form.get('login') ?? 'nobody' } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

process.stdout.write(`${issuer}\n`);
