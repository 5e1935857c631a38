import 'reflect-metadata';
import { type KeyObject, randomUUID, webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CRLDistributionPointsExtension,
  cryptoProvider,
  Extension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestApp, testApp } from '../../test/support/app.ts';
import { mailsTo } from '../../test/support/mails.ts';
import { logIn, member, person } from '../../test/support/people.ts';
import { type Habits, softAuthenticator } from '../../test/support/soft-authenticator.ts';
import { waitingForLock } from '../../test/support/waiting-for-lock.ts';
import { sql } from '../platform/sql.ts';

let service: TestApp;
beforeAll(async () => {
  service = await testApp();
});
afterAll(() => service.close());

async function begin() {
  const token = (await logIn(service, await person(service))).access_token;
  const { options } = (await service.call('POST', '/mfa/passkeys/options', { token })).json();
  const finish = (response: object) =>
    service.call('POST', '/mfa/passkeys', { token, body: { name: 'Laptop', response } });
  return { options: options as { challenge: string }, finish };
}

describe('an attestation, which nobody asked for', () => {
  test('that says nothing is taken', async () => {
    const { options, finish } = await begin();
    expect((await finish(softAuthenticator().create(options))).statusCode).toBe(201);
  });

  test('makes the service fetch nothing: a revocation list that its certificate names stays unread', async () => {
    const asked: string[] = [];
    const listener = createServer((request, response) => {
      asked.push(String(request.url));
      response.end();
    });
    await new Promise<void>(done => listener.listen(0, '127.0.0.1', done));
    const { port } = listener.address() as AddressInfo;
    const { options, finish } = await begin();
    const authenticator = softAuthenticator();
    const certificates = await androidChain(authenticator.publicKey, {
      hash: authenticator.clientDataHash(options),
      revocationList: `http://127.0.0.1:${port}/latest/meta-data`,
    });
    const answer = await finish(authenticator.create(options, { format: 'android-key', certificates }));
    listener.close();
    expect([answer.json().code, asked]).toEqual(['passkey_refused', []]);
  });

  test.each(['packed', 'fido-u2f', 'tpm', 'apple', 'android-safetynet', 'android-key', 'compound'])(
    'with certificates is refused: %s',
    async format => {
      const { options, finish } = await begin();
      const certificates = [Buffer.from('3000', 'hex')];
      const answer = await finish(softAuthenticator().create(options, { format, certificates }));
      expect(answer.json().code).toBe('passkey_refused');
    },
  );
});

/** A passkey of an authenticator with these habits: what adding it and signing in with it are answered. */
async function addAndUse(habits: Habits) {
  const authenticator = softAuthenticator(undefined, undefined, habits);
  const { options, finish } = await begin();
  const added = await finish(authenticator.create(options));
  const asked = (await service.call('POST', '/token/passkey/options')).json().options;
  const response = authenticator.get(asked);
  const used = await service.call('POST', '/token/passkey', { body: { response } });
  return [added, used].map(answer => answer.json().code ?? answer.statusCode);
}

const inFrame = { crossOrigin: true };
test.each([
  ['none', {}, [201, 200]],
  ['a frame of another site', inFrame, ['passkey_refused', 'passkey_refused']],
  ['a top of another site', { topOrigin: 'https://example.com' }, ['passkey_refused', 'passkey_refused']],
])(
  'nobody is meant to touch a passkey of ours in a frame (Web Authentication §7.1, §7.2): %s',
  async (_name, clientData, told) => {
    expect(await addAndUse({ clientData })).toEqual(told);
  },
);

test('a passkey that was made in a page of ours is not good in a frame', async () => {
  const clientData: Record<string, unknown> = {};
  const authenticator = softAuthenticator(undefined, undefined, { clientData });
  const { options, finish } = await begin();
  expect((await finish(authenticator.create(options))).statusCode).toBe(201);
  Object.assign(clientData, inFrame);
  const asked = (await service.call('POST', '/token/passkey/options')).json().options;
  const answer = await service.call('POST', '/token/passkey', {
    body: { response: authenticator.get(asked) },
  });
  expect(answer.json().code).toBe('passkey_refused');
});

test('of several answers of a copied passkey at once, one is told to its owner and each is in the trail', async () => {
  const { who, token } = await member(service);
  const { db } = service.deps;
  const authenticator = softAuthenticator();
  const { options } = (await service.call('POST', '/mfa/passkeys/options', { token })).json();
  const body = { name: 'Laptop', response: authenticator.create(options) };
  const { id } = (await service.call('POST', '/mfa/passkeys', { token, body })).json();
  await db.run(sql`
    update factors set credential = credential || '{"counter": 1000}' where id = ${id}::uuid`);
  const answers = await db.transaction(async tx => {
    await tx.row(sql`select from users where id = ${who.id}::uuid for update`);
    const asked = [1, 2, 3, 4].map(async () => {
      const { options: demanded } = (await service.call('POST', '/token/passkey/options')).json();
      const response = authenticator.get(demanded);
      return (await service.call('POST', '/token/passkey', { body: { response } })).json().code;
    });
    await waitingForLock(db, 4);
    return asked;
  });
  expect(await Promise.all(answers)).toEqual(answers.map(() => 'passkey_refused'));
  const mails = (await mailsTo(service, who.email)).filter(({ template }) => template === 'passkey-copied');
  expect(mails).toHaveLength(1);
  const events = await db.rows(
    sql`select from audit_events where user_id = ${who.id}::uuid and type = 'passkey.cloned'`,
  );
  expect(events).toHaveLength(4);
});

describe('the owner that an assertion names (Web Authentication §7.2 step 6)', () => {
  type Ask = (what: object) => Promise<{ statusCode: number; json(): { code?: string } }>;
  type Named = Record<'owner' | 'nobody' | 'null' | 'another', number | 'passkey_refused'>;

  /** What a ceremony answers to assertions that name the owner, nobody, and somebody else. */
  async function named(
    options: () => Promise<{ challenge: string }>,
    answer: Ask,
    get: (asked: { challenge: string }) => Record<string, unknown>,
  ) {
    const other = randomUUID().replaceAll('-', '');
    const changes = {
      owner: {},
      nobody: { userHandle: undefined },
      null: { userHandle: null },
      another: { userHandle: Buffer.from(other, 'hex').toString('base64url') },
    };
    const told: Partial<Named> = {};
    for (const [who, change] of Object.entries(changes)) {
      const made = get(await options());
      const given = await answer({ ...made, response: { ...(made.response as object), ...change } });
      told[who as keyof Named] = (given.json().code as 'passkey_refused') ?? given.statusCode;
    }
    return told;
  }

  test('is needed to sign in, and elsewhere may be left out; it is never another', async () => {
    const who = await person(service);
    const token = (await logIn(service, who)).access_token;
    const authenticator = softAuthenticator();
    const { options } = (await service.call('POST', '/mfa/passkeys/options', { token })).json();
    const body = { name: 'Laptop', response: authenticator.create(options) };
    expect((await service.call('POST', '/mfa/passkeys', { token, body })).statusCode).toBe(201);
    await service.deps.db.run(sql`update users set mfa_enabled = true where id = ${who.id}::uuid`);
    const asking = async (url: string, asked: object = {}) =>
      (await service.call('POST', `${url}/options`, { token, body: asked })).json().options;
    const { get } = authenticator;

    expect(
      await named(
        () => asking('/token/passkey'),
        response => service.call('POST', '/token/passkey', { body: { response } }),
        get,
      ),
    ).toEqual({ owner: 200, nobody: 'passkey_refused', null: 'passkey_refused', another: 'passkey_refused' });

    const known = { owner: 200, nobody: 200, null: 200, another: 'passkey_refused' };
    const renewing = '/token/reauthenticate/passkey';
    expect(
      await named(
        () => asking(renewing),
        response => service.call('POST', renewing, { token, body: { response } }),
        get,
      ),
    ).toEqual(known);

    let mfa_token = '';
    const form = { username: who.email, password: who.password };
    expect(
      await named(
        async () => {
          ({ mfa_token } = (await service.call('POST', '/token', { form })).json());
          return asking('/token/mfa/passkey', { mfa_token });
        },
        response => service.call('POST', '/token/mfa/passkey', { body: { mfa_token, response } }),
        get,
      ),
    ).toEqual(known);
  });
});

test.each([
  [0, 'passkey_refused'],
  [1023, 201],
  [1024, 'passkey_refused'],
  [3000, 'passkey_refused'],
])(
  'an id of %i bytes, of which there are 1023 at most (Web Authentication §7.1), is answered %s',
  async (idLength, told) => {
    const { options, finish } = await begin();
    const made = softAuthenticator(undefined, undefined, { idLength }).create(options);
    const answer = await finish({ ...made, id: 'AAAA', rawId: 'AAAA' });
    expect(answer.json().code ?? answer.statusCode).toBe(told);
  },
);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

// As Android's key store makes one, under a root of the attacker's own.
async function androidChain(
  key: KeyObject,
  { hash, revocationList }: { hash: Buffer; revocationList: string },
): Promise<Buffer[]> {
  cryptoProvider.set(webcrypto as unknown as Crypto);
  const { subtle } = webcrypto;
  const roots = (await subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const publicKey = await subtle.importKey(
    'spki',
    key.export({ format: 'der', type: 'spki' }),
    algorithm,
    true,
    ['verify'],
  );
  const validity = {
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
  };
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    serialNumber: '01',
    name: 'CN=root',
    keys: roots,
  });
  const leaf = await X509CertificateGenerator.create({
    ...validity,
    serialNumber: '02',
    subject: 'CN=leaf',
    issuer: 'CN=root',
    publicKey: publicKey as CryptoKey,
    signingKey: roots.privateKey,
    extensions: [
      new Extension('1.3.6.1.4.1.11129.2.1.17', false, new Uint8Array(keyDescription(hash)).buffer),
      new CRLDistributionPointsExtension([revocationList]),
    ],
  });
  return [leaf, root].map(({ rawData }) => Buffer.from(rawData));
}

const der = (tag: number, ...parts: Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, body.length]), body]);
};

const keyDescription = (challenge: Buffer) =>
  der(
    0x30,
    der(0x02, Buffer.from([3])),
    der(0x0a, Buffer.from([0])),
    der(0x02, Buffer.from([4])),
    der(0x0a, Buffer.from([0])),
    der(0x04, challenge),
    der(0x04),
    der(0x30),
    der(0x30),
  );
