import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import { brandOf } from '../delivery/render.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import { uuidBytes } from '../platform/uuid.ts';
import type { Credential } from './passkey-queries.ts';

export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;
export type CreationResponse = RegistrationResponseJSON;
export type AssertionResponse = AuthenticationResponseJSON;

/** How long a browser may take, in seconds; a challenge lives as long. */
export const CEREMONY_LIFETIME = 300;

/** EdDSA, ES256, RS256 (RFC 9053, RFC 8812). */
const ALGORITHMS = [-8, -7, -257];

/** The most bytes of a credential's id (Web Authentication §4); the index of credentials takes little more. */
const LONGEST_ID = 1023;

type ConfigDeps = Pick<Deps, 'config' | 'log'>;

// Parsers of certificates and CBOR: loaded by the first passkey, so that a start does not pay for them.
const library = () => import('@simplewebauthn/server');

export interface Holder {
  readonly userId: string;
  readonly name: string;
  readonly displayName: string;
}

/** The options for `navigator.credentials.create`: a discoverable credential with user verification, no attestation. */
export async function creationOptions(
  { config }: ConfigDeps,
  holder: Holder,
  { challenge, present }: { challenge: string; present: readonly Credential[] },
): Promise<CreationOptions> {
  const { generateRegistrationOptions } = await library();
  return generateRegistrationOptions({
    rpName: brandOf(config),
    rpID: config.passkeys.rpId,
    userID: new Uint8Array(uuidBytes(holder.userId)),
    userName: holder.name,
    userDisplayName: holder.displayName,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    timeout: CEREMONY_LIFETIME * 1000,
    attestationType: 'none',
    excludeCredentials: present.map(({ id, transports }) => ({ id, transports: [...transports] })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** The options for `navigator.credentials.get`; with none `allowed`, the browser offers whatever passkeys it has for us. */
export async function requestOptions(
  { config }: ConfigDeps,
  { challenge, allowed }: { challenge: string; allowed: readonly Credential[] },
): Promise<RequestOptions> {
  const { generateAuthenticationOptions } = await library();
  return generateAuthenticationOptions({
    rpID: config.passkeys.rpId,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    timeout: CEREMONY_LIFETIME * 1000,
    userVerification: 'required',
    allowCredentials: allowed.map(({ id, transports }) => ({ id, transports: [...transports] })),
  });
}

/**
 * The credential that a browser made, if all of Web Authentication §7.1 holds; else null. We ask for no attestation, so
 * none is verified: a response that brings certificates is refused before anything reads them.
 */
export async function verifyCreation(
  deps: ConfigDeps,
  caller: Caller,
  response: CreationResponse,
  challenge: string,
): Promise<Credential | null> {
  const { rpId, origins } = deps.config.passkeys;
  if (isFramed(response) || !(await attestsNothing(response).catch(refused(deps, caller)))) return null;
  const { verifyRegistrationResponse } = await library();
  const verified = await verifyRegistrationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: [...origins],
    expectedRPID: rpId,
    supportedAlgorithmIDs: ALGORITHMS,
  }).catch(refused(deps, caller));
  if (verified?.verified !== true) return null;
  const { credential, credentialDeviceType, credentialBackedUp, aaguid } = verified.registrationInfo;
  const { length } = Buffer.from(credential.id, 'base64url');
  if (length === 0 || length > LONGEST_ID) return null;
  return {
    id: credential.id,
    public_key: Buffer.from(credential.publicKey).toString('base64url'),
    counter: credential.counter,
    transports: (credential.transports ?? []).slice(0, 10).map(transport => transport.slice(0, 32)),
    device_type: credentialDeviceType,
    backed_up: credentialBackedUp,
    aaguid,
  };
}

// What browsers send when they are asked for no attestation (Web Authentication §5.1.3): none, or the authenticator's
// own signature. The library would verify every other format: it fetches the revocation lists that the certificates
// name, wherever they are and however long, and trusts the root that comes with them.
async function attestsNothing({ response }: CreationResponse): Promise<boolean> {
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const attestation = decodeAttestationObject(isoBase64URL.toBuffer(response.attestationObject));
  const format = attestation.get('fmt');
  return format === 'none' || (format === 'packed' && attestation.get('attStmt').get('x5c') === undefined);
}

/**
 * What an assertion says, if all of Web Authentication §7.2 holds; else null. The counter is left to the statement that
 * writes it. Where nobody said before who they are (`nameless`), the assertion must name its owner.
 */
export async function verifyAssertion(
  deps: ConfigDeps,
  caller: Caller,
  response: AssertionResponse,
  {
    challenge,
    userId,
    credential,
    nameless,
  }: { challenge: string; userId: string; credential: Credential; nameless: boolean },
): Promise<{ counter: number; backedUp: boolean } | null> {
  const { rpId, origins } = deps.config.passkeys;
  // §7.2 step 6. The user handle may be absent where the browser was told which passkeys to ask.
  const { userHandle = null } = response.response as { userHandle?: string | null };
  if (userHandle === null ? nameless : userHandle !== uuidBytes(userId).toString('base64url')) return null;
  if (isFramed(response)) return null;
  const { verifyAuthenticationResponse } = await library();
  const verified = await verifyAuthenticationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: [...origins],
    expectedRPID: rpId,
    credential: {
      id: credential.id,
      publicKey: new Uint8Array(Buffer.from(credential.public_key, 'base64url')),
      counter: 0,
    },
  }).catch(refused(deps, caller));
  if (verified?.verified !== true) return null;
  const { newCounter, credentialBackedUp, credentialDeviceType } = verified.authenticationInfo;
  // Whether a passkey may be copied never changes (§6.1.3): a different answer comes from a different key.
  if (credentialDeviceType !== credential.device_type) return null;
  return { counter: newCounter, backedUp: credentialBackedUp };
}

/** The challenge that a response says it answers; '' where it cannot be read. */
export function challengeOf(response: CreationResponse | AssertionResponse): string {
  const { challenge } = clientDataOf(response);
  return typeof challenge === 'string' ? challenge : '';
}

// In a frame of another site, whoever touches the passkey sees that site and not us, and no page of ours is meant for a
// frame. The library checks this for assertions only, and only where the browser names the top origin (Safari does
// not).
function isFramed(response: CreationResponse | AssertionResponse): boolean {
  const { crossOrigin, topOrigin } = clientDataOf(response);
  return crossOrigin === true || typeof topOrigin === 'string';
}

interface ClientData {
  readonly challenge?: unknown;
  readonly crossOrigin?: unknown;
  readonly topOrigin?: unknown;
}

function clientDataOf({ response }: CreationResponse | AssertionResponse): ClientData {
  try {
    const text = Buffer.from(response.clientDataJSON, 'base64url').toString('utf8');
    return (JSON.parse(text) as ClientData | null) ?? {};
  } catch {
    return {};
  }
}

// The library throws for anything that is wrong with a response.
const refused =
  ({ log }: ConfigDeps, { requestId }: Caller) =>
  (error: unknown): null => {
    log.debug({ request_id: requestId, err: error }, 'a passkey was refused');
    return null;
  };
