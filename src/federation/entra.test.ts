import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { type LyingProvider, lyingProvider } from '../../test/support/lying-provider.ts';

const HOME = 'aaaaaaaa-1111-4111-8111-111111111111';
const GUEST = 'bbbbbbbb-2222-4222-8222-222222222222';

let provider: LyingProvider;
let world: TestApp;
beforeAll(async () => {
  provider = await lyingProvider();
  const common = { type: 'microsoft', issuer: `${provider.issuer}/common/v2.0` } as const;
  world = await testApp({
    oidcProviders: [
      provider.entry({ id: 'tenant', ...common, allowed_tenants: [HOME] }),
      provider.entry({ id: 'domain', ...common, allowed_domains: ['acme.example'] }),
    ],
  });
  world.deps.clock.set(new Date());
  provider.lie({ metadata: { issuer: `${provider.issuer}/{tenantid}/v2.0` } });
});
afterAll(async () => {
  await world.close();
  await provider.close();
});

// Any tenant can write any address into its directory.
test.each([
  ['tenant', GUEST, { xms_edov: true }, 'provider_account_refused'],
  ['tenant', HOME, {}, 200],
  ['domain', GUEST, {}, 'provider_account_refused'],
  ['domain', GUEST, { xms_edov: true }, 200],
])(
  'at an endpoint of many tenants, limited by %s, a token of %s with %j is answered %s',
  async (id, tid, claims, told) => {
    const oid = world.deps.random.uuid();
    const iss = `${provider.issuer}/${tid}/v2.0`;
    const token = await provider.idToken({ iss, tid, oid, email: `${oid}@acme.example`, ...claims });
    const answer = await world.call('POST', `/oauth/${id}/id-token`, { body: { token } });
    expect(answer.json().code ?? answer.statusCode).toBe(told);
  },
);
