import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pem } from '../../test/support/pem.ts';
import { systemClock } from '../platform/clock.ts';
import { issuerOf } from './issuer.ts';
import type { ProviderKind } from './provider.ts';

const trusted = getCACertificates('default');

let server: Server;
beforeAll(async () => {
  const cert = readFileSync(pem('localhost.crt'));
  setDefaultCACertificates([cert]);
  server = createServer({ cert, key: readFileSync(pem('localhost.key')) }).listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
});
afterAll(() => {
  setDefaultCACertificates(trusted);
  server.closeAllConnections();
  server.close();
});

let made = 0;

const at = (path: string) => `https://localhost:${(server.address() as AddressInfo).port}/${path}`;

/** What is made of the metadata of an issuer that has TLS. */
function metadataWith(members: object, kind: ProviderKind = 'oidc', path = `op-${++made}`) {
  const issuer = at(path);
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/keys`,
    ...members,
  };
  server.removeAllListeners('request').on('request', (_request, response) => {
    response.end(JSON.stringify(metadata));
  });
  return issuerOf({ issuer, kind }, systemClock).metadata.current();
}

test.each(['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri'])(
  'an issuer with TLS whose %s has none is not used',
  async name => {
    await expect(metadataWith({ [name]: 'http://op.example/plain' })).rejects.toThrow(`${name} lacks TLS`);
  },
);

test('where an issuer keeps its pages for people is no matter (OpenID Connect Discovery §3)', async () => {
  const pages = { op_policy_uri: 'http://op.example/policy', op_tos_uri: '' };
  await expect(metadataWith(pages)).resolves.toMatchObject(pages);
});

test('what describes another issuer is not used, and of Entra what describes another tenant', async () => {
  const home = '11111111-1111-4111-8111-111111111111/v2.0';
  const guest = '22222222-2222-4222-8222-222222222222/v2.0';
  const another = 'describes another issuer';
  await expect(metadataWith({ issuer: at('op-of-somebody-else') })).rejects.toThrow(another);
  await expect(metadataWith({ issuer: at(guest) }, 'microsoft', home)).rejects.toThrow(another);
  const elsewhere = `https://other.example/${home}`;
  await expect(metadataWith({ issuer: elsewhere }, 'microsoft', home)).rejects.toThrow(another);
  // Asked by the name of a domain, Entra answers with the id of its tenant.
  const issuer = at(guest);
  await expect(metadataWith({ issuer }, 'microsoft', 'acme.example/v2.0')).resolves.toMatchObject({ issuer });
});
