import type { KeysDeps } from '../keys/key-ring.ts';
import { assertionResponse, requestOptionsBody } from '../mfa/passkey-schemas.ts';
import type { AssertionResponse } from '../mfa/webauthn.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { opaqueToken, optionalToken } from '../platform/http/opaque-token.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { userOf } from '../sessions/principal.ts';
import { tokenBody } from '../sessions/token.ts';
import { devicesOf, keepDevice } from '../throttle/device-cookie.ts';
import {
  answerWithPasskey,
  beginPasskeyReauthentication,
  beginPasskeySecondFactor,
  beginPasskeySignIn,
  reauthenticateWithPasskey,
  signInWithPasskey,
} from './passkey.ts';

const tags = ['Passkeys'];

/** Passkeys as a way to log in, as a second factor, and to prove again who holds a session. */
export function routes(app: App, deps: KeysDeps): void {
  app.post(
    '/token/passkey/options',
    {
      config: { access: 'public', limit: 'login', oauth: true },
      schema: {
        tags,
        summary: 'Begin to sign in with a passkey',
        description:
          'Pass `options` to navigator.credentials.get (with mediation "conditional" to offer passkeys in a name field), and its result to POST /token/passkey.',
        response: { 200: requestOptionsBody },
      },
    },
    async () => ({ options: { ...(await beginPasskeySignIn(deps)) } }),
  );

  app.post(
    '/token/passkey',
    {
      config: {
        access: 'public',
        limit: 'login',
        oauth: true,
        problems: ['passkey_refused', 'account_disabled', 'email_not_verified'],
        headers: ['device-cookie'],
      },
      schema: {
        tags,
        summary: 'Sign in with a passkey',
        description:
          'Nobody has to enter a name first. A passkey counts as both factors: no code is asked for after it.',
        body: Type.Object(
          {
            response: assertionResponse,
            device_token: optionalToken(),
          },
          exact,
        ),
        response: { 200: tokenBody },
      },
    },
    async (request, reply) => {
      const { response, device_token } = request.body;
      const tokens = await signInWithPasskey(deps, callerOf(request), {
        response: response as AssertionResponse,
        devices: devicesOf(deps, request.headers.cookie, device_token),
      });
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );

  app.post(
    '/token/mfa/passkey/options',
    {
      config: { access: 'public', limit: 'mfa', oauth: true, problems: ['invalid_mfa_token'] },
      schema: {
        tags,
        summary: 'Begin to complete a login with a passkey as second factor',
        body: Type.Object({ mfa_token: opaqueToken() }, exact),
        response: { 200: requestOptionsBody },
      },
    },
    async request => ({ options: { ...(await beginPasskeySecondFactor(deps, request.body.mfa_token)) } }),
  );

  app.post(
    '/token/mfa/passkey',
    {
      config: {
        access: 'public',
        limit: 'mfa',
        oauth: true,
        problems: ['invalid_mfa_token', 'passkey_refused', 'too_many_attempts', 'password_expired'],
        headers: ['device-cookie'],
      },
      schema: {
        tags,
        summary: 'Complete a login with a passkey as second factor',
        body: Type.Object({ mfa_token: opaqueToken(), response: assertionResponse }, exact),
        response: { 200: tokenBody },
      },
    },
    async (request, reply) => {
      const { mfa_token, response } = request.body;
      const tokens = await answerWithPasskey(deps, callerOf(request), {
        mfaToken: mfa_token,
        response: response as AssertionResponse,
      });
      keepDevice(deps, reply, tokens);
      return tokens;
    },
  );

  app.post(
    '/token/reauthenticate/passkey/options',
    {
      config: { access: 'user', limit: 'login', oauth: true },
      schema: {
        tags,
        summary: 'Begin to prove again that it is you, with a passkey',
        response: { 200: requestOptionsBody },
      },
    },
    async request => ({ options: { ...(await beginPasskeyReauthentication(deps, userOf(request))) } }),
  );

  app.post(
    '/token/reauthenticate/passkey',
    {
      config: { access: 'user', limit: 'login', oauth: true, problems: ['passkey_refused'] },
      schema: {
        tags,
        summary: 'Prove again that it is you, with a passkey',
        description: 'Returns tokens of the same session with a fresh `auth_time`.',
        body: Type.Object({ response: assertionResponse }, exact),
        response: { 200: tokenBody },
      },
    },
    request => reauthenticateWithPasskey(deps, userOf(request), request.body.response as AssertionResponse),
  );
}
