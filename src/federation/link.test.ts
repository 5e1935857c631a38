import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { type RealProvider, realProvider } from '../../test/support/oidc-provider.ts';
import { logIn, person } from '../../test/support/people.ts';
import {
  answerIn,
  CLIENT,
  challengeOf,
  comeBack,
  pathIn,
  readRedirect,
  signInAs,
  told,
} from '../../test/support/sign-in-flow.ts';
import { sql } from '../platform/sql.ts';

let provider: RealProvider;
let service: TestApp;
beforeAll(async () => {
  provider = await realProvider('http://localhost:8000/oauth/acme/callback');
  service = await testApp({
    oidcProviders: [provider.entry, { ...provider.entry, id: 'other', name: 'Other' }],
    redirectUris: [CLIENT],
  });
});
// The provider's clock is the machine's.
beforeEach(() => service.deps.clock.set(new Date()));
afterAll(async () => {
  await service.close();
  await provider.stop();
});

const exchange = (code: string | undefined, code_verifier: string) =>
  service.call('POST', '/oauth/exchange', { body: { code, code_verifier } });

const signIn = (login: string) => signInAs(service, provider, login);

test('a person links a provider, sees it, and unlinks it; never the last way in', async () => {
  const who = await person(service, { email: 'linker@example.com', verified: false });
  const { access_token: token } = await logIn(service, who);
  const verifier = 'v'.repeat(43);
  const ticket = await service.call('POST', '/users/me/identities/acme', {
    token,
    body: { redirect_uri: CLIENT, code_challenge: challengeOf(verifier), state: 's' },
  });
  expect(ticket.statusCode, ticket.body).toBe(200);
  const path = pathIn(ticket);
  const begun = readRedirect(await service.call('GET', path));
  expect((await service.call('GET', path)).json().code).toBe('invalid_link');
  const back = await provider.signIn(begun.location.href, 'grace');
  const { code } = told(await comeBack(service, 'acme', answerIn(back), begun.cookie));

  const body = { code, code_verifier: verifier };
  const linked = await service.call('POST', '/users/me/identities', { token, body });
  expect(linked.statusCode, linked.body).toBe(201);
  expect(linked.json()).toMatchObject({ provider: 'acme', email: 'grace@example.com' });
  const list = await service.call('GET', '/users/me/identities', { token });
  expect(list.json()).toEqual([linked.json()]);

  // The identity now opens that account, whatever address it has.
  const signedIn = await signIn('grace');
  const tokens = (await exchange(signedIn.client.code, signedIn.begun.verifier)).json();
  const me = await service.call('GET', '/users/me', { token: tokens.access_token });
  expect(me.json().id).toBe(who.id);

  const url = `/users/me/identities/${linked.json().id}`;
  expect((await service.call('DELETE', url, { token })).statusCode).toBe(204);
  expect((await service.call('DELETE', url, { token })).json().code).toBe('identity_not_found');
  // An unproven mailbox may be a stranger's.
  const notices = (await mailsTo(service, who.email)).filter(({ template }) =>
    template.startsWith('identity-'),
  );
  expect(notices.map(({ template, params }) => [template, params.name])).toEqual([
    ['identity-linked', undefined],
    ['identity-unlinked', undefined],
  ]);

  const alone = await signIn('alone');
  const only = (await exchange(alone.client.code, alone.begun.verifier)).json().access_token;
  const [{ id }] = (await service.call('GET', '/users/me/identities', { token: only })).json();
  expect((await service.call('DELETE', `/users/me/identities/${id}`, { token: only })).json().code).toBe(
    'last_way_in',
  );
});

test('a code that was asked for to link logs nobody in, and links for nobody else', async () => {
  const [one, two] = [await person(service), await person(service)];
  const token = (await logIn(service, one)).access_token;
  const verifier = 'w'.repeat(43);
  for (const attempt of ['exchange', 'other person'] as const) {
    const ticket = await service.call('POST', '/users/me/identities/acme', {
      token,
      body: { redirect_uri: CLIENT, code_challenge: challengeOf(verifier) },
    });
    const begun = readRedirect(await service.call('GET', pathIn(ticket)));
    const back = await provider.signIn(begun.location.href, 'ada');
    const { code } = told(await comeBack(service, 'acme', answerIn(back), begun.cookie));
    const answer =
      attempt === 'exchange'
        ? await exchange(code, verifier)
        : await service.call('POST', '/users/me/identities', {
            token: (await logIn(service, two)).access_token,
            body: { code, code_verifier: verifier },
          });
    expect(answer.json().code).toBe('invalid_authorization_code');
  }
});

test('linking needs a recent login, and an identity of somebody else is not taken over', async () => {
  const who = await person(service);
  const { access_token: token } = await logIn(service, who);
  await signIn('taken').then(({ client, begun }) => exchange(client.code, begun.verifier));
  const verifier = 'z'.repeat(43);
  const body = { redirect_uri: CLIENT, code_challenge: challengeOf(verifier) };
  const ticket = await service.call('POST', '/users/me/identities/acme', { token, body });
  const other = pathIn(await service.call('POST', '/users/me/identities/acme', { token, body }));
  expect((await service.call('GET', other.replace('/acme/', '/other/'))).json().code).toBe('invalid_link');
  const begun = readRedirect(await service.call('GET', pathIn(ticket)));
  const back = await provider.signIn(begun.location.href, 'taken');
  const { code } = told(await comeBack(service, 'acme', answerIn(back), begun.cookie));
  const answer = await service.call('POST', '/users/me/identities', {
    token,
    body: { code, code_verifier: verifier },
  });
  expect(answer.json().code).toBe('identity_taken');
  const refused = await service.deps.db.row(sql`
    select reason, data from audit_events where user_id = ${who.id}::uuid and type = 'identity.refused'`);
  expect(refused).toEqual({ reason: 'identity_taken', data: { provider: 'acme' } });
  service.deps.clock.advance(601);
  expect((await service.call('POST', '/users/me/identities/acme', { token, body })).json().code).toBe(
    'reauthentication_required',
  );
});
