import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { KeysDeps } from '../keys/key-ring.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { Problem } from '../platform/problems.ts';
import { devicesOf, keepDevice } from '../throttle/device-cookie.ts';
import { idOfProvider, idTokenProof, signedIn } from './shapes.ts';
import { signInWithIdentity } from './sign-in.ts';
import { findIdTokenProvider, type InvalidToken, verifyToken } from './verify-token.ts';

const refusals = [
  'provider_unavailable',
  'feature_disabled',
  'account_disabled',
  'identity_linking_refused',
  'address_taken',
  'email_not_verified',
  'mfa_required',
] as const;

// A Google token is valid only if Google has verified the address; `detail` is what the original's clients look for.
const UNVERIFIED = {
  detail: 'Invalid Google token',
  message: 'Google has not verified your address. Verify it there, or sign up with a password.',
};

/** Sign-in with an ID token that a client got from a provider by itself: mobile programs, Google's button. */
export function routes(app: App, deps: KeysDeps): void {
  const signIn = async (
    request: FastifyRequest,
    reply: FastifyReply,
    provider: string,
    { token, nonce, device_token }: Static<typeof idTokenProof>,
    invalid: InvalidToken,
    unverified?: () => Problem,
  ) => {
    const caller = callerOf(request);
    const proof = { token, nonce: nonce ?? undefined };
    const identity = await verifyToken(deps, caller, provider, proof, invalid);
    const devices = devicesOf(deps, request.headers.cookie, device_token);
    const answer = await signInWithIdentity(deps, caller, identity, devices, unverified);
    keepDevice(deps, reply, answer);
    return answer;
  };

  app.post(
    '/signup/google',
    {
      config: {
        access: 'public',
        limit: 'login',
        problems: ['invalid_google_token', ...refusals],
        headers: ['device-cookie'],
      },
      // Where Google is switched off, the answer says so, whatever else is wrong with the request.
      preValidation: async () => void findIdTokenProvider(deps.config, 'google'),
      schema: {
        tags: ['Registration'],
        summary: 'Sign up or log in with a Google ID token',
        description:
          'The token is verified with the keys that Google publishes. Send the nonce with which you requested it.',
        body: idTokenProof,
        response: { 200: signedIn },
      },
    },
    (request, reply) => {
      const code = 'invalid_google_token';
      return signIn(request, reply, 'google', request.body, code, () => new Problem(code, UNVERIFIED));
    },
  );

  app.post(
    '/oauth/:provider/id-token',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        problems: ['provider_not_found', 'invalid_id_token', 'provider_account_refused', ...refusals],
        headers: ['device-cookie'],
      },
      preValidation: async ({ params }) => void findIdTokenProvider(deps.config, params.provider),
      schema: {
        tags: ['Federation'],
        summary: 'Sign up or log in with an ID token of a provider',
        description:
          'For mobile apps; works as `POST /signup/google`. Send the nonce that the token contains.',
        params: idOfProvider,
        body: idTokenProof,
        response: { 200: signedIn },
      },
    },
    (request, reply) => signIn(request, reply, request.params.provider, request.body, 'invalid_id_token'),
  );
}
