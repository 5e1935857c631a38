// http-api.md **Multi-factor** and **Operations**.
import { TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { mailsTo } from '../support/mails.ts';
import { logIn, person } from '../support/people.ts';

let world: TestApp;
beforeAll(async () => {
  world = await contractApp();
});
afterAll(() => world.close());

describe('multi-factor', () => {
  const enrolled = async () => {
    const who = await person(world);
    const { access_token: token } = await logIn(world, who);
    const enrolment = (await world.call('POST', '/mfa/totp', { token })).json();
    return { who, token, enrolment };
  };
  const confirm = (token: string, code: string) =>
    world.call('POST', '/mfa/totp/confirm', { token, body: { code } });
  const codeOf = (uri: string) =>
    new TOTP({ secret: new URL(uri).searchParams.get('secret') as string }).generate({
      timestamp: world.deps.clock.now().getTime(),
    });

  test('TOTP: RFC 6238 with SHA-1, 6 digits and 30 s; ten recovery codes; removed again', async () => {
    const { token, enrolment } = await enrolled();
    expect(enrolment).toEqual({
      factor_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      secret: expect.stringMatching(/^[A-Z2-7]{32}$/),
      otpauth_uri: expect.stringMatching(/^otpauth:\/\/totp\//),
      qr_svg: expect.stringMatching(/^<svg[\s>]/),
    });
    const { searchParams } = new URL(enrolment.otpauth_uri);
    expect(searchParams.get('secret')).toBe(enrolment.secret);
    for (const [name, value] of [
      ['algorithm', 'SHA1'],
      ['digits', '6'],
      ['period', '30'],
    ] as const)
      expect(searchParams.get(name), name).toBe(value);
    expectProblem(await confirm(token, '000000'), 'invalid_mfa_code');
    const confirmed = await confirm(token, codeOf(enrolment.otpauth_uri));
    expect(confirmed.statusCode, confirmed.body).toBe(200);
    expect(new Set(confirmed.json().recovery_codes).size).toBe(10);
    expect((await world.call('GET', '/users/me', { token })).json().mfa_enabled).toBe(true);
    expectProblem(await world.call('POST', '/mfa/totp', { token }), 'factor_exists');
    const listed = await world.call('GET', '/mfa', { token });
    expect(listed.body).toContain(enrolment.factor_id);
    expect(listed.body).not.toContain(enrolment.secret);
    const renewed = (await world.call('POST', '/mfa/recovery-codes', { token })).json().recovery_codes;
    expect(renewed).toHaveLength(10);
    expect(renewed).not.toEqual(expect.arrayContaining([confirmed.json().recovery_codes[0]]));
    expect((await world.call('DELETE', '/mfa/totp', { token })).statusCode).toBe(204);
    expectProblem(await world.call('DELETE', '/mfa/totp', { token }), 'factor_not_found');
    expect((await world.call('GET', '/users/me', { token })).json().mfa_enabled).toBe(false);
  });

  test('a code of one step before or after is good, of two is not', async () => {
    for (const [seconds, code] of [
      [30, 200],
      [-30, 200],
      [90, 401],
      [-90, 401],
    ] as const) {
      const { token, enrolment } = await enrolled();
      world.deps.clock.advance(seconds);
      const other = codeOf(enrolment.otpauth_uri);
      world.deps.clock.advance(-seconds);
      expect((await confirm(token, other)).statusCode, `${seconds} s`).toBe(code);
    }
  });

  test('what is not set up, switched off or no code', async () => {
    const { access_token: token } = await logIn(world, await person(world));
    expectProblem(await confirm(token, '123456'), 'factor_not_found');
    expectProblem(await world.call('POST', '/mfa/recovery-codes', { token }), 'factor_not_found');
    expectIssues(await world.call('POST', '/mfa/totp/confirm', { token, body: {} }), 'body.code missing');
    expectProblem(
      await world.call('POST', '/mfa/sms', { token, body: { phone_number: '+254712345678' } }),
      'feature_disabled',
    );
    expectProblem(await world.call('DELETE', '/mfa/sms', { token }), 'factor_not_found');
    expectProblem(
      await world.call('POST', '/token/mfa/sms', { body: { mfa_token: 'x' } }),
      'feature_disabled',
    );
    world.deps.clock.advance(601);
    expectProblem(await world.call('POST', '/mfa/totp', { token }), 'reauthentication_required');
  });
});

describe('text messages', () => {
  const number = '+254712345678';

  test('a phone is set up by a texted code, answers a login, and is removed again', async () => {
    const texting = await contractApp({
      sms: { webhook: { url: 'http://127.0.0.1:9/', secret: 'a secret' } },
    });
    const code = async () => (await mailsTo(texting, number)).at(-1)?.secrets.code as string;
    const who = await person(texting);
    const { access_token: token } = await logIn(texting, who);
    const begun = await texting.call('POST', '/mfa/sms', { token, body: { phone_number: number } });
    expect(begun.statusCode, begun.body).toBe(202);
    expectProblem(
      await texting.call('POST', '/mfa/sms/confirm', { token, body: { code: 'wrong' } }),
      'invalid_mfa_code',
    );
    const confirmed = await texting.call('POST', '/mfa/sms/confirm', { token, body: { code: await code() } });
    expect(new Set(confirmed.json().recovery_codes).size).toBe(10);
    const form = { username: who.email, password: who.password };
    const asked = await texting.call('POST', '/token', { form });
    expectProblem(asked, 'mfa_required');
    const { mfa_token, factors } = asked.json();
    expect(factors).toEqual(['recovery_code', 'sms']);
    const sent = await texting.call('POST', '/token/mfa/sms', { body: { mfa_token } });
    expect([sent.statusCode, sent.json()]).toEqual([202, { message: 'A code is on its way' }]);
    const body = { mfa_token, factor: 'sms', code: await code() };
    const { access_token } = (await texting.call('POST', '/token/mfa', { body })).json();
    expect(texting.deps.keys.verify(access_token)).toHaveProperty('amr', ['pwd', 'sms', 'mfa']);
    expect((await texting.call('DELETE', '/mfa/sms', { token: access_token })).statusCode).toBe(204);
    expect((await logIn(texting, who)).access_token).toBeDefined();
    await texting.close();
  });
});

describe('operations', () => {
  test.each([
    ['/health', { status: 'healthy' }],
    ['/db-check', { database: 'connected' }],
    ['/livez', { status: 'alive' }],
  ])('%s', async (url, body) => {
    const answer = await world.call('GET', url);
    expect([answer.statusCode, answer.json()]).toEqual([200, body]);
  });

  test('/readyz names its checks, /metrics speaks Prometheus', async () => {
    const ready = await world.call('GET', '/readyz');
    expect(ready.json()).toMatchObject({ status: 'ready', checks: { database: 'ok' } });
    const metrics = await world.call('GET', '/metrics');
    expect(metrics.headers['content-type']).toMatch(/^text\/plain/);
    expect(metrics.body).toMatch(/^# (HELP|TYPE) /m);
    const sample = /^[a-z0-9_]+(?:\{(?:[a-z_]+="[^"]*",?)+\})? (?:-?[0-9.]+(?:e[-+]?[0-9]+)?|NaN|[-+]Inf)$/;
    expect(metrics.body.split('\n').filter(line => !/^(?:#.*)?$/.test(line) && !sample.test(line))).toEqual(
      [],
    );
  });

  test('/.well-known names this issuer, its endpoints and its keys', async () => {
    for (const name of ['oauth-authorization-server', 'openid-configuration']) {
      const metadata = (await world.call('GET', `/.well-known/${name}`)).json();
      expect(metadata).toMatchObject({
        issuer: 'http://localhost:8000',
        token_endpoint: 'http://localhost:8000/token',
        jwks_uri: 'http://localhost:8000/.well-known/jwks.json',
      });
    }
    expect((await world.call('GET', '/.well-known/jwks.json')).json()).toEqual({ keys: [] });
    const asymmetric = await contractApp({ tokens: { algorithm: 'ES256' } });
    const { keys } = (await asymmetric.call('GET', '/.well-known/jwks.json')).json();
    expect(keys[0]).toMatchObject({
      kty: 'EC',
      crv: 'P-256',
      alg: 'ES256',
      use: 'sig',
      kid: expect.any(String),
    });
    expect(keys[0]).not.toHaveProperty('d');
    const boss = await person(asymmetric, { roles: ['admin'] });
    const { access_token: token } = await logIn(asymmetric, boss);
    expect(JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString())).toEqual({
      alg: 'ES256',
      typ: 'at+jwt',
      kid: keys[0].kid,
    });
    const rotated = await asymmetric.call('POST', '/keys/rotate', { token });
    expect(rotated.json()).toMatchObject({ algorithm: 'ES256', created: true });
    const published = (await asymmetric.call('GET', '/.well-known/jwks.json')).json().keys;
    expect(published.map(({ kid }: { kid: string }) => kid)).toEqual(
      expect.arrayContaining([keys[0].kid, rotated.json().kid]),
    );
    await asymmetric.close();
  });

  test('/docs and /openapi.json are there, under the prefix too', async () => {
    for (const url of ['/docs', '/openapi.json', '/api/v1/docs', '/api/v1/openapi.json'])
      expect((await world.call('GET', url)).statusCode, url).toBe(200);
  });

  test('/oauth/providers lists what is configured', async () => {
    const answer = await world.call('GET', '/oauth/providers');
    expect([answer.statusCode, answer.json()]).toEqual([200, []]);
    const query = `redirect_uri=http://localhost:8000&code_challenge=${'a'.repeat(43)}`;
    const authorize = (id: string) => world.call('GET', `/oauth/${id}/authorize?${query}`);
    for (const id of ['google', 'microsoft', 'github', 'apple'])
      expectProblem(await authorize(id), 'feature_disabled');
    for (const id of ['nonesuch', 'oidc', 'constructor'])
      expectProblem(await authorize(id), 'provider_not_found');
  });
});
