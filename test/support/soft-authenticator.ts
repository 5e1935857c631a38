import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface SoftAuthenticator {
  readonly publicKey: KeyObject;
  /** What `navigator.credentials.create` would answer, in JSON: without an attestation, or with this one. */
  create(
    options: { challenge: string; user?: { id: string } },
    attestation?: Attestation,
  ): Record<string, unknown>;
  /** The hash that an attestation of `create` is made for. */
  clientDataHash(options: { challenge: string }): Buffer;
  /** What `navigator.credentials.get` would answer, in JSON. */
  get(options: { challenge: string }): Record<string, unknown>;
}

/** What an authenticator or its browser does of its own accord. */
export interface Habits {
  /** Bytes of the credential's id. */
  readonly idLength?: number;
  /** Members of the client data beside the usual ones. */
  readonly clientData?: Record<string, unknown>;
}

export interface Attestation {
  readonly format: string;
  /** X.509, DER, that of the credential's key first. */
  readonly certificates?: readonly Buffer[];
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED = 0x40;

/**
 * An authenticator without a browser, which holds one discoverable ES256 credential and verifies its user (Web
 * Authentication §6). What browsers themselves send is tested in Chromium.
 */
export function softAuthenticator(
  origin = 'http://localhost:8000',
  rpId = 'localhost',
  { idLength = 16, clientData: members }: Habits = {},
): SoftAuthenticator {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const id = randomBytes(idLength);
  let userHandle: string | undefined;
  const clientData = (type: string, challenge: string) =>
    Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false, ...members }));
  const authenticatorData = (flags: number, attested = Buffer.alloc(0)) =>
    Buffer.concat([sha256(rpId), Buffer.from([flags, 0, 0, 0, 0]), attested]);
  const credential = (response: Record<string, unknown>) => ({
    id: id.toString('base64url'),
    rawId: id.toString('base64url'),
    type: 'public-key',
    clientExtensionResults: {},
    response,
  });

  return {
    publicKey,
    clientDataHash: ({ challenge }) => sha256(clientData('webauthn.create', challenge)),
    create({ challenge, user }, { format, certificates } = { format: 'none' }) {
      userHandle = user?.id;
      // RFC 9053 §7.1.1: an EC2 key for ES256 on P-256.
      const key = cborMap([
        [cborInteger(1), cborInteger(2)],
        [cborInteger(3), cborInteger(-7)],
        [cborInteger(-1), cborInteger(1)],
        [cborInteger(-2), cborBytes(Buffer.from(x, 'base64url'))],
        [cborInteger(-3), cborBytes(Buffer.from(y, 'base64url'))],
      ]);
      const attested = Buffer.concat([
        Buffer.alloc(16),
        Buffer.from([id.length >> 8, id.length & 0xff]),
        id,
        key,
      ]);
      const data = authenticatorData(USER_PRESENT | USER_VERIFIED | ATTESTED, attested);
      const attestation = cborMap([
        [cborText('fmt'), cborText(format)],
        [cborText('attStmt'), certificates === undefined ? cborMap([]) : statementWith(certificates)],
        [cborText('authData'), cborBytes(data)],
      ]);
      return credential({
        clientDataJSON: clientData('webauthn.create', challenge).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal'],
      });
    },
    get({ challenge }) {
      const json = clientData('webauthn.get', challenge);
      const data = authenticatorData(USER_PRESENT | USER_VERIFIED);
      return credential({
        clientDataJSON: json.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: sign('sha256', Buffer.concat([data, sha256(json)]), privateKey).toString('base64url'),
        ...(userHandle !== undefined && { userHandle }),
      });
    },
  };
}

const statementWith = (certificates: readonly Buffer[]) =>
  cborMap([
    [cborText('alg'), cborInteger(-7)],
    [cborText('sig'), cborBytes(Buffer.alloc(8))],
    [cborText('x5c'), Buffer.concat([cborHead(4, certificates.length), ...certificates.map(cborBytes)])],
  ]);

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();

// As much of RFC 8949 as an attestation needs.
function cborHead(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value]);
  if (value < 256) return Buffer.from([(major << 5) | 24, value]);
  return Buffer.from([(major << 5) | 25, value >> 8, value & 0xff]);
}
const cborInteger = (value: number) => (value < 0 ? cborHead(1, -1 - value) : cborHead(0, value));
const cborBytes = (value: Buffer) => Buffer.concat([cborHead(2, value.length), value]);
const cborText = (value: string) => Buffer.concat([cborHead(3, value.length), Buffer.from(value)]);
const cborMap = (entries: [Buffer, Buffer][]) =>
  Buffer.concat([cborHead(5, entries.length), ...entries.flat()]);
