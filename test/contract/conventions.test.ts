// http-api.md **Conventions**.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TOKEN_MAX } from '../../src/platform/http/opaque-token.ts';
import type { TestApp } from '../support/app.ts';
import { contractApp, expectIssues, expectProblem } from '../support/contract.ts';
import { logIn, PASSWORD, person } from '../support/people.ts';

let world: TestApp;
let token: string;
beforeAll(async () => {
  world = await contractApp();
  token = (await logIn(world, await person(world, { email: 'ada@example.com' }))).access_token;
});
afterAll(() => world.close());

const raw = (
  url: string,
  type: string | null,
  payload: string | Buffer,
  headers: Record<string, string> = {},
) =>
  world.app.inject({
    method: 'POST',
    url,
    headers: { ...(type !== null && { 'content-type': type }), ...headers },
    payload,
  });

describe('one route table, two places', () => {
  test.each(['', '/api/v1'])('every route stands at "%s"', async prefix => {
    expect((await world.call('GET', `${prefix}/health`)).json()).toEqual({ status: 'healthy' });
    expect((await world.call('GET', `${prefix}/users/me`, { token })).statusCode).toBe(200);
    expectProblem(
      await world.call('POST', `${prefix}/refresh-token`, { body: {} }),
      'refresh_token_required',
    );
  });

  test.each([
    ['GET', '/token', 'POST'],
    ['DELETE', '/signup/', 'POST'],
    ['POST', '/api/v1/health', 'GET, HEAD'],
    ['POST', `/users/019300f4-6f00-7000-8000-000000000001?x=1`, 'DELETE, GET, HEAD, PATCH'],
    // Not a user of this id.
    ['PATCH', '/users/me', 'DELETE, GET, HEAD, PUT'],
    ['PATCH', '/api/v1/users/me/?x=1', 'DELETE, GET, HEAD, PUT'],
    ['DELETE', '/invitations/accept', 'POST'],
  ] as const)(
    '%s %s is 405, and Allow says what its path takes (RFC 9110 §15.5.6)',
    async (method, url, allow) => {
      const answer = await world.call(method, url);
      expectProblem(answer, 'method_not_allowed');
      expect(answer.headers.allow).toBe(allow);
    },
  );

  test('the prefix is one rule: not part of another word, not twice, not in the document', async () => {
    for (const url of ['/api/v1', '/api/v10/health', '/api/v1/api/v1/health', '/api/v2/health'])
      expectProblem(await world.call('GET', url), 'not_found');
    const { paths } = (await world.call('GET', '/openapi.json')).json();
    expect(Object.keys(paths).filter(path => path.startsWith('/api'))).toEqual([]);
  });

  test('a trailing slash is forgiven, a route that is not there is 404 in our own words', async () => {
    expect((await world.call('GET', '/health/')).statusCode).toBe(200);
    const answer = await world.call('GET', '/nothing-here');
    expectProblem(answer, 'not_found', 'There is nothing here.');
    expect(Object.keys(answer.json()).toSorted()).toEqual(['code', 'detail', 'message', 'request_id']);
  });
});

describe('request ids', () => {
  test("the caller's comes back, in the header and in the body of an error", async () => {
    const answer = await world.call('GET', '/users/me', { headers: { 'x-request-id': 'trace-1.2:3_x' } });
    expect(answer.headers['x-request-id']).toBe('trace-1.2:3_x');
    expect(answer.json().request_id).toBe('trace-1.2:3_x');
  });

  test.each(['', 'two words', 'x'.repeat(129), '<script>', 'naïve'])(
    '"%s" is not sane, and replaced',
    async sent => {
      const { headers } = await world.call('GET', '/health', { headers: { 'x-request-id': sent } });
      expect(headers['x-request-id']).not.toBe(sent);
      expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});

describe('bodies that cannot be read', () => {
  const routes = [
    '/signup',
    '/signup/set-password',
    '/token',
    '/token/mfa',
    '/refresh-token',
    '/password-reset/confirm',
  ];

  test.each(routes)('%s: malformed, too large, of another type, in another encoding', async url => {
    for (const [type, payload, code] of [
      ['application/json', '{"email": ', 'malformed_request'],
      ['application/json', '{"a":1}}', 'malformed_request'],
      [
        'application/json',
        Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
        'malformed_request',
      ],
      ['application/json', '{"__proto__": {"disabled": false}}', 'malformed_request'],
      ['application/json', `{"email": "${'a'.repeat(65 * 1024)}"}`, 'payload_too_large'],
      ['application/json; charset=latin1', '{"email": "a"}', 'unsupported_media_type'],
      ['application/json; charset=utf-16', Buffer.from('{"a":1}', 'utf16le'), 'unsupported_media_type'],
      ['text/plain', '{"email": "a"}', 'unsupported_media_type'],
      ['application/xml', '<email/>', 'unsupported_media_type'],
      // Forms of this kind log in as they did at the original.
      ...(url === '/token'
        ? []
        : ([['multipart/form-data; boundary=x', '--x--', 'unsupported_media_type']] as const)),
    ] as const)
      expectProblem(await raw(url, type, payload), code);
    expectProblem(
      await raw(url, 'application/json', Buffer.from([0x1f, 0x8b, 8]), { 'content-encoding': 'gzip' }),
      'unsupported_media_type',
    );
  });

  // OAuth2PasswordRequestForm of the original took it, and it is what `fetch` and axios make of a FormData.
  test('multipart/form-data logs in, as it did at the original', async () => {
    const formOf = (fields: readonly (readonly [name: string, value: string | Blob])[]) => {
      const form = new FormData();
      for (const [name, value] of fields) form.append(name, value);
      return form;
    };
    const send = async (form: FormData) => {
      const whole = new Response(form);
      const type = whole.headers.get('content-type');
      return raw('/token', type, Buffer.from(await whole.arrayBuffer()));
    };
    const username = ['username', 'ada@example.com'] as const;
    const password = ['password', PASSWORD] as const;
    const answer = await send(formOf([username, password, ['scope', '']]));
    expect(answer.statusCode, answer.body).toBe(200);
    expectProblem(await send(formOf([username, ['password', 'falsch €']])), 'invalid_credentials');
    expectProblem(
      await send(formOf([username, password, username])),
      'malformed_request',
      'The parameter username is sent twice.',
    );
    expectProblem(
      await send(formOf([username, ['password', new Blob([PASSWORD])]])),
      'malformed_request',
      'The parameter password is a file. Send it as text.',
    );
    expectProblem(await send(formOf([username, ['password', 'a\0b']])), 'validation_failed');
    for (const [type, body] of [
      ['multipart/form-data', '--x--'],
      ['multipart/form-data; boundary=x', 'username=ada@example.com'],
      ['multipart/form-data; boundary=x', '--x\r\ncontent-disposition: form-data; name="username"\r\n\r\na'],
      ['multipart/form-data; boundary=x', Buffer.from([0xff, 0xfe])],
    ] as const)
      expectProblem(await raw('/token', type, body), 'malformed_request');
    expectProblem(await send(formOf([username, ['password', 'a'.repeat(65 * 1024)]])), 'payload_too_large');
    // Only a chunked body can be empty and have a type. It counts as none, as that of any other type does.
    const headers = { 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' };
    expectIssues(
      await world.call('POST', '/token', { headers }),
      'body.username missing',
      'body.password missing',
    );
  });

  test('of another type, the refusal names every type that the route takes', async () => {
    for (const [url, types] of [
      ['/signup', 'application/json'],
      ['/token', 'application/x-www-form-urlencoded or application/json or multipart/form-data'],
      ['/introspect', 'application/x-www-form-urlencoded or application/json'],
    ] as const)
      expectProblem(
        await raw(url, 'text/plain', 'x'),
        'unsupported_media_type',
        `Send the body as ${types}.`,
      );
  });

  test.each(routes)('%s: JSON that is no object is 422, and says so of the body', async url => {
    for (const payload of ['[]', '"text"', '1', 'true'])
      expectProblem(await raw(url, 'application/json', payload), 'validation_failed');
  });

  test.each(['/signup', '/token/mfa'])('%s without a body is 422', async url => {
    const answer = await world.call('POST', url);
    expectIssues(answer, 'body missing');
  });

  test('a form without parameters lacks those that are needed, also where it is sent as no body at all', async () => {
    const form = 'application/x-www-form-urlencoded';
    for (const answer of [await world.call('POST', '/token'), await raw('/token', form, '')])
      expectIssues(answer, 'body.password missing', 'body.username missing');
    expectIssues(await world.call('POST', '/token/reauthenticate', { token }), 'body.password missing');
  });

  test('a form that is not UTF-8 is malformed, escaped or not; one that is may be sent as it is', async () => {
    const form = (payload: string | Buffer) => raw('/token', 'application/x-www-form-urlencoded', payload);
    for (const name of ['%ff', '%C3', '%zz'])
      expectProblem(await form(`username=${name}&password=x`), 'malformed_request');
    const bytes = Buffer.from('username=Zo\xEB&password=x', 'latin1');
    expectProblem(await form(bytes), 'malformed_request');
    for (const name of ['Zoë', 'Zo%C3%AB', '%EF%BF%BD'])
      expectProblem(await form(`username=${name}&password=x`), 'invalid_credentials');
  });

  test('a body as deep as it can be is refused without a defect, and soon', async () => {
    const deep = `{"email": ${'['.repeat(30_000)}"\\u0041"${']'.repeat(30_000)}}`;
    const from = performance.now();
    const answer = await raw('/signup', 'application/json', deep);
    expect(answer.statusCode, answer.body).toBe(422);
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  test('U+0000 and half a surrogate pair are 422 that name the member; no value is repeated', async () => {
    for (const text of ['Ad\\u0000a', 'Ad\\ud800a']) {
      const answer = await raw('/signup', 'application/json', `{"first_name": "${text}"}`);
      expectIssues(answer, 'body.first_name string_unicode');
      const passwords = `{"email": "x@example.com", "password": "${text}", "confirm_password": "${text}"}`;
      const first = await raw('/signup/set-password', 'application/json', passwords);
      expectIssues(first, 'body.password string_unicode');
    }
    const secret = 'Sesame-open-9';
    const body = { email: 'x@example.com', password: secret, confirm_password: 17 };
    const refused = await world.call('POST', '/signup/set-password', { body });
    expectIssues(refused, 'body.confirm_password string_type');
    expect(refused.body).not.toContain(secret);
    // The request id may hold the digits by chance.
    expect(JSON.stringify(refused.json().detail)).not.toContain('17');
  });

  test('an id is a UUID as we write it, in any case: in no other spelling it is 422, never a defect', async () => {
    const id = '019300f4-6f00-7000-8000-000000000001';
    for (const spelling of [`urn:uuid:${id}`, `{${id}}`, id.replaceAll('-', ''), `${id} `])
      for (const list of ['sessions', 'devices']) {
        const answer = await world.call('DELETE', `/users/me/${list}/${encodeURIComponent(spelling)}`, {
          token,
        });
        expectIssues(answer, 'path.id uuid_parsing');
      }
    expectProblem(
      await world.call('DELETE', `/users/me/sessions/${id.toUpperCase()}`, { token }),
      'session_not_found',
    );
  });

  test('a member that must be one of several words is one issue, which names them; lengths are said in good English', async () => {
    for (const factor of ['email', 5, null, ['totp']]) {
      const refused = await world.call('POST', '/token/mfa', { body: { mfa_token: 'x', factor, code: '1' } });
      expect(refused.json().detail).toEqual([
        {
          type: 'literal_error',
          loc: ['body', 'factor'],
          msg: "Input should be 'totp', 'sms' or 'recovery_code'",
        },
      ]);
    }
    const google = { clientIds: ['client-1'], clientSecret: 'secret', issuer: 'http://127.0.0.1:9' };
    const federated = await contractApp({ google });
    const query = 'redirect_uri=x&code_challenge_method=plain';
    const method = await federated.call('GET', `/oauth/google/authorize?${query}`);
    await federated.close();
    expect(method.json().detail).toContainEqual({
      type: 'literal_error',
      loc: ['query', 'code_challenge_method'],
      msg: "Input should be 'S256'",
    });
    const empty = await world.call('POST', '/signup', { body: { first_name: '' } });
    expect(empty.json().detail).toContainEqual({
      type: 'string_too_short',
      loc: ['body', 'first_name'],
      msg: 'String should have at least 1 character',
    });
  });

  test('a path or query that is no text is refused, never a defect', async () => {
    const verify = (token: string) => world.call('POST', `/verify-email/${token}`);
    for (const token of ['%ff', '%E0%A4%A']) expectProblem(await verify(token), 'malformed_request');
    expectIssues(await verify('%00'), 'path.token string_unicode');
    expectIssues(await verify('a'.repeat(TOKEN_MAX + 1)), 'path.token string_too_long');
    const refresh = (query: string) => world.call('POST', `/refresh-token?${query}`);
    expectIssues(await refresh('token=%00'), 'query.token string_unicode');
    expectProblem(await refresh('token=%ff'), 'invalid_refresh_token');
    expectIssues(await refresh('token=a&token=b'), 'query.token string_type');
  });
});

describe('unknown members', () => {
  test.each([
    ['POST', '/signup'],
    ['POST', '/signup/set-password'],
    ['POST', '/token/mfa'],
    ['POST', '/refresh-token'],
    ['POST', '/password-reset/request'],
    ['POST', '/password-reset/confirm'],
  ] as const)('%s %s refuses one by its name', async (method, url) => {
    const answer = await world.call(method, url, { body: { is_admin: true } });
    expectProblem(answer, 'validation_failed');
    expect(answer.json().detail).toContainEqual({
      type: 'extra_forbidden',
      loc: ['body', 'is_admin'],
      msg: 'Extra inputs are not permitted',
    });
  });

  test('twenty of them are told, however many there are, in an answer that is smaller than the body', async () => {
    const body = Object.fromEntries(Array.from({ length: 6_500 }, (_, n) => [`k${n}`, 1]));
    const answer = await world.call('POST', '/email-change/undo', { body });
    const issue = (name: string) => ({
      type: 'extra_forbidden',
      loc: ['body', name],
      msg: 'Extra inputs are not permitted',
    });
    expectProblem(answer, 'validation_failed');
    const { detail } = answer.json();
    expect(detail).toHaveLength(20);
    expect(detail).toContainEqual(issue('k0'));
    expect(answer.body.length).toBeLessThan(4_000);
  });

  test('PUT /users/me with roles is told so, and nothing changes', async () => {
    const body = { first_name: 'Mallory', roles: ['admin'], disabled: false, email_verified: true };
    const answer = await world.call('PUT', '/users/me', { token, body });
    expectIssues(
      answer,
      'body.roles extra_forbidden',
      'body.disabled extra_forbidden',
      'body.email_verified extra_forbidden',
    );
    const me = await world.call('GET', '/users/me', { token });
    expect(me.json()).toMatchObject({ first_name: 'Ada', roles: ['user'] });
  });

  test('/token, /introspect and /revoke ignore them (RFC 6749 §3.2)', async () => {
    const form = { username: 'ada@example.com', password: 'wrong', resource: 'x', nonsense: 'y' };
    expectProblem(await world.call('POST', '/token', { form }), 'invalid_credentials');
    for (const url of ['/introspect', '/revoke'])
      expectProblem(await world.call('POST', url, { form: { token: 'x', nonsense: 'y' } }), 'invalid_client');
  });
});

test('a provider or texts that are switched off are 404, before what is wrong with the rest of the request', async () => {
  for (const query of ['', '?state=x', '?redirect_uri=x&code_challenge=y'])
    expectProblem(await world.call('GET', `/oauth/google/authorize${query}`), 'feature_disabled');
  expectProblem(await world.call('GET', '/oauth/nonesuch/authorize'), 'provider_not_found');
  const texted = await world.call('POST', '/token/mfa/sms', { body: { mfa_token: 'x' } });
  expectProblem(texted, 'feature_disabled');
});

describe('headers', () => {
  test('every answer that holds a token, a code or a profile is no-store', async () => {
    for (const answer of [
      await world.call('GET', '/users/me', { token }),
      await world.call('GET', '/users/me/sessions', { token }),
      await world.call('GET', '/users/me/export', { token }),
      await world.call('GET', '/users/me/permissions', { token }),
      await world.call('POST', '/mfa/totp', { token }),
    ]) {
      expect(answer.statusCode).toBe(200);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  test('a 401 says Bearer, and invalid_token only where a token was sent (RFC 6750 §3.1)', async () => {
    const none = await world.call('GET', '/users/me');
    expectProblem(none, 'not_authenticated', 'Not authenticated');
    expect(none.headers['www-authenticate']).toBe('Bearer');
    // Another scheme sends no token, and its sender lacks one.
    for (const authorization of ['Token abc', 'Basic YTpi', 'Bearers x', '']) {
      const answer = await world.call('GET', '/users/me', { headers: { authorization } });
      expectProblem(answer, 'not_authenticated', 'Not authenticated');
      expect(answer.headers['www-authenticate'], authorization).toBe('Bearer');
    }
    for (const authorization of ['Bearer nonsense', 'Bearer a.b.c', 'Bearer', 'bearer x', 'Bearer a b']) {
      const answer = await world.call('GET', '/users/me', { headers: { authorization } });
      expectProblem(answer, 'invalid_token');
      expect(answer.headers['www-authenticate'], authorization).toMatch(/^Bearer error="invalid_token"/);
    }
    const lower = await world.call('GET', '/users/me', { headers: { authorization: `bearer ${token}` } });
    expect(lower.statusCode).toBe(200);
  });

  test('the endpoints of OAuth clients carry error and error_description, the others do not', async () => {
    const form = { username: 'nobody', password: 'x' };
    for (const [answer, error] of [
      [await world.call('POST', '/token', { form }), 'invalid_grant'],
      [await world.call('POST', '/token', { body: {} }), 'invalid_request'],
      [await world.call('POST', '/token', { form: { grant_type: 'implicit' } }), 'unsupported_grant_type'],
      [await raw('/token', 'text/plain', 'x'), 'invalid_request'],
      [await world.call('GET', '/token'), 'invalid_request'],
      [await world.call('PUT', '/oauth/exchange'), 'invalid_request'],
      [await world.call('POST', '/oauth/providers'), 'invalid_request'],
      [await world.call('POST', '/refresh-token', { body: {} }), 'invalid_request'],
      [await world.call('POST', '/refresh-token', { body: { token: 'x' } }), 'invalid_grant'],
      [
        await world.call('POST', '/token/mfa', { body: { mfa_token: 'x', factor: 'totp', code: '1' } }),
        'invalid_grant',
      ],
      [await world.call('POST', '/introspect', { form: { token: 'x' } }), 'invalid_client'],
    ] as const)
      expect(answer.json()).toMatchObject({ error, error_description: answer.json().message });
    expect((await world.call('POST', '/signup', { body: {} })).json()).not.toHaveProperty('error');
    expect((await world.call('GET', '/users/me')).json()).not.toHaveProperty('error');
  });

  test('a listed origin may call with credentials; another gets no leave', async () => {
    const preflight = (origin: string) =>
      world.call('OPTIONS', '/token', { headers: { origin, 'access-control-request-method': 'POST' } });
    const ours = await preflight('http://localhost:8000');
    expect(ours.statusCode).toBe(204);
    expect(ours.headers).toMatchObject({
      'access-control-allow-origin': 'http://localhost:8000',
      'access-control-allow-credentials': 'true',
    });
    expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined();
  });
});
