import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOKEN_MAX } from '../../src/platform/http/opaque-token.ts';
import { type TestApp, testApp } from '../support/app.ts';
import { testConfig } from '../support/deps.ts';
import { logIn, person } from '../support/people.ts';

let service: TestApp;
let secure: TestApp;
const friend = 'https://app.example.com';

beforeAll(async () => {
  service = await testApp();
  secure = await testApp({
    http: { ...testConfig.http, publicUrl: 'https://auth.example.com', corsOrigins: [friend] },
  });
});
afterAll(async () => {
  await service.close();
  await secure.close();
});

describe('every answer has the headers that a browser must obey', () => {
  test.each([
    ['GET', '/health', 200],
    ['GET', '/users/me', 401],
    ['GET', '/nowhere', 404],
    ['POST', '/signup', 422],
  ] as const)('%s %s, %i', async (method, url, status) => {
    const answer = await secure.call(method, url, method === 'POST' ? { body: {} } : {});
    expect(answer.statusCode).toBe(status);
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'x-permitted-cross-domain-policies': 'none',
    });
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expect(answer.headers).not.toHaveProperty('server');
  });

  test('a service that is reached over HTTP does not promise HTTPS', async () => {
    expect((await service.call('GET', '/health')).headers).not.toHaveProperty('strict-transport-security');
  });
});

describe('web clients elsewhere', () => {
  test('one that is allowed may read the answer and send credentials', async () => {
    const { headers } = await secure.call('GET', '/health', { headers: { origin: friend } });
    expect(headers['access-control-allow-origin']).toBe(friend);
    expect(headers['access-control-allow-credentials']).toBe('true');
    expect(headers.vary).toContain('Origin');
    expect(headers['access-control-expose-headers']).toContain('X-Request-Id');
  });

  test.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'http://app.example.com',
    'null',
  ])('%s is not allowed', async origin => {
    const { headers } = await secure.call('GET', '/health', { headers: { origin } });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  test.each([
    '/.well-known/jwks.json',
    '/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
  ])('any may read %s, but without credentials', async url => {
    const stranger = await secure.call('GET', url, { headers: { origin: 'https://elsewhere.example' } });
    expect(stranger.headers['access-control-allow-origin']).toBe('*');
    expect(stranger.headers).not.toHaveProperty('access-control-allow-credentials');
    expect(stranger.headers.vary).toContain('Origin');
    expect((await secure.call('GET', url)).headers['access-control-allow-origin']).toBe('*');
    const known = await secure.call('GET', url, { headers: { origin: friend } });
    expect(known.headers['access-control-allow-origin']).toBe(friend);
    expect(known.headers['access-control-allow-credentials']).toBe('true');
  });

  const preflight = (origin: string) =>
    secure.call('OPTIONS', '/users/me', {
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization',
      },
    });

  test('a preflight names what is allowed', async () => {
    const { statusCode, headers } = await preflight(friend);
    expect(statusCode).toBe(204);
    expect(headers['access-control-allow-origin']).toBe(friend);
    expect(headers['access-control-allow-methods']).toContain('PUT');
    expect(headers['access-control-allow-headers']).toBe('authorization');
    expect(headers['access-control-max-age']).toBe('600');
  });

  test('OPTIONS that is no preflight names what is allowed too', async () => {
    const sent: Record<string, string>[] = [
      {},
      { origin: friend },
      { 'access-control-request-method': 'PUT' },
    ];
    for (const headers of sent) {
      const answer = await secure.call('OPTIONS', '/users/me', { headers });
      expect([answer.statusCode, answer.body]).toEqual([204, '']);
      expect(answer.headers['access-control-allow-methods']).toContain('PUT');
    }
  });

  test('OPTIONS of a path says what may be asked of it (RFC 9110 §9.3.7), of none where nothing is', async () => {
    const allow = async (url: string) => (await secure.call('OPTIONS', url)).headers.allow;
    expect(await allow('/users/me')).toBe('DELETE, GET, HEAD, PUT');
    expect(await allow('/api/v1/token/?x=1')).toBe('POST');
    expect(await allow('/nowhere')).toBeUndefined();
    expect((await secure.call('GET', '/users/me')).headers).not.toHaveProperty('allow');
    const refused = await secure.call('PATCH', '/users/me', { headers: { origin: friend } });
    expect(refused.headers).toMatchObject({
      allow: 'DELETE, GET, HEAD, PUT',
      'access-control-allow-origin': friend,
      'x-content-type-options': 'nosniff',
    });
  });

  test.each([
    ['no escape', 'GET', '/roles/100%', 'malformed_request'],
    ['no UTF-8', 'POST', '/verify-email/%ff', 'malformed_request'],
    ['U+0000', 'GET', '/users?q=%00', 'validation_failed'],
    ['too long', 'POST', `/verify-email/${'x'.repeat(TOKEN_MAX + 1)}`, 'validation_failed'],
  ] as const)('a web client can read what is wrong with an address: %s', async (_what, method, url, code) => {
    const asked = { origin: friend, 'access-control-request-method': method };
    const before = await secure.call('OPTIONS', url, { headers: asked });
    expect([before.statusCode, before.headers['access-control-allow-origin']]).toEqual([204, friend]);
    const { headers, ...refused } = await secure.call(method, url, { headers: { origin: friend } });
    expect(refused.json().code).toBe(code);
    expect(headers).toMatchObject({ 'access-control-allow-origin': friend, vary: 'Origin' });
  });

  test('a web client can read that its body must not be compressed', async () => {
    const { headers, ...refused } = await secure.call('POST', '/token', {
      headers: { origin: friend, 'content-encoding': 'gzip' },
      form: {},
    });
    expect([refused.statusCode, headers['access-control-allow-origin']]).toEqual([415, friend]);
  });

  test('a preflight of a stranger names nothing', async () => {
    expect((await preflight('https://evil.example')).headers).not.toHaveProperty(
      'access-control-allow-origin',
    );
  });
});

describe('the id of a request', () => {
  test('is the one that the caller sent, where it is sane', async () => {
    const { headers } = await service.call('GET', '/nowhere', { headers: { 'x-request-id': 'abc-1.2:3_4' } });
    expect(headers['x-request-id']).toBe('abc-1.2:3_4');
  });

  test.each(['', 'a b', 'a\tb', '{"level":60}', 'é', '"', 'a'.repeat(129), '../../x', 'a,b', '%0a'])(
    'is our own where %j was sent',
    async sent => {
      const answer = await service.call('GET', '/nowhere', { headers: { 'x-request-id': sent } });
      expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.json().request_id).toBe(answer.headers['x-request-id']);
    },
  );
});

describe('cookies', () => {
  const cookiesOf = (header: string | string[] | undefined) => [header ?? []].flat();

  test('of a device and of a sign-up are out of the reach of scripts and of other sites, and Secure over HTTPS', async () => {
    for (const [at, secured] of [
      [secure, true],
      [service, false],
    ] as const) {
      const who = await person(at);
      const login = await at.call('POST', '/token', {
        form: { username: who.email, password: who.password },
      });
      const signup = await at.call('POST', '/signup', {
        body: {
          first_name: 'A',
          last_name: 'B',
          email: `new@${secured}.example`,
          phone_number: '+254712345678',
        },
      });
      const cookies = [...cookiesOf(login.headers['set-cookie']), ...cookiesOf(signup.headers['set-cookie'])];
      expect(cookies).toHaveLength(2);
      for (const cookie of cookies) {
        expect(cookie).toMatch(/; Path=\//);
        expect(cookie).toContain('; HttpOnly');
        expect(cookie).toContain('; SameSite=Lax');
        expect(cookie.includes('; Secure')).toBe(secured);
        expect(cookie).not.toContain('Domain=');
      }
    }
  });

  test('are Secure where a believed proxy says that its client speaks HTTPS, and by nobody else', async () => {
    const behind = await testApp({
      http: { trustProxy: ['10.0.0.0/8'] },
      google: { clientIds: ['client-1'], clientSecret: 'a secret', issuer: 'http://127.0.0.1:9' },
      signInByMail: true,
    });
    const { email, password } = await person(behind);
    const names = { first_name: 'A', last_name: 'B', phone_number: '+254712345678' };
    const asked = async (ip: string, said: string) => {
      const options = { ip, headers: { 'x-forwarded-proto': said } };
      const form = { username: email, password };
      const answers = [
        await behind.call('POST', '/token', { ...options, form }),
        await behind.call('POST', '/signup', { ...options, body: { ...names, email: 'new@example.com' } }),
        await behind.call('POST', '/token/email', { ...options, body: { email } }),
        await behind.call('GET', '/account/sign-in', options),
        await behind.call('GET', '/account/sign-in/with/google', options),
      ];
      return answers.map(({ headers }) => {
        const cookies = cookiesOf(headers['set-cookie']);
        expect(cookies.length).toBeGreaterThan(0);
        return cookies.every(cookie => cookie.endsWith('; SameSite=Lax; Secure'));
      });
    };
    try {
      const [all, none] = [Array(5).fill(true), Array(5).fill(false)];
      for (const said of ['https', 'HTTPS', 'https, http'])
        expect(await asked('10.0.0.1', said)).toEqual(all);
      for (const said of ['http', 'http, https', 'httpsx', ''])
        expect(await asked('10.0.0.1', said)).toEqual(none);
      expect(await asked('203.0.113.1', 'https')).toEqual(none);
    } finally {
      await behind.close();
    }
  });

  test('let nobody in: with all of them and no bearer, nothing is answered or done', async () => {
    const who = await person(service);
    const login = await service.call('POST', '/token', {
      form: { username: who.email, password: who.password },
    });
    const cookie = cookiesOf(login.headers['set-cookie'])
      .map(each => each.split(';')[0])
      .join('; ');
    for (const [method, url] of [
      ['GET', '/users/me'],
      ['POST', '/logout/all'],
      ['DELETE', '/users/me'],
    ] as const) {
      expect((await service.call(method, url, { headers: { cookie } })).statusCode).toBe(401);
    }
    const { access_token: token } = await logIn(service, who);
    expect((await service.call('GET', '/users/me', { token })).statusCode).toBe(200);
  });
});
