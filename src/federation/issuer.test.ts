import { afterEach, expect, test, vi } from 'vitest';
import { systemClock } from '../platform/clock.ts';
import { issuerOf } from './issuer.ts';

afterEach(() => vi.unstubAllGlobals());

let made = 0;

/** What is made of the metadata of an issuer that has TLS. */
function metadataWith(members: object) {
  const issuer = `https://op-${++made}.example`;
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/keys`,
    ...members,
  };
  vi.stubGlobal('fetch', async () => Response.json(metadata));
  return issuerOf({ issuer, kind: 'oidc' }, systemClock).metadata.current();
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
