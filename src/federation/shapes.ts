import { userBody } from '../accounts/account.ts';
import { opaqueToken, optionalToken } from '../platform/http/opaque-token.ts';
import { optional } from '../platform/http/optional.ts';
import { exact, Type } from '../platform/json-schema.ts';
import { tokenBody } from '../sessions/token.ts';

/** A User with the members of Token. */
export const signedIn = Type.Object(
  { ...userBody.properties, ...tokenBody.properties },
  { title: 'UserWithTokens' },
);

export const idOfProvider = Type.Object({ provider: Type.String({ maxLength: 100 }) });

/** A PKCE challenge by S256: the base64url of a SHA-256 (RFC 7636 §4.2). */
export const pkceChallenge = Type.String({
  pattern: '^[A-Za-z0-9_-]{43}$',
  description: 'base64url of the SHA-256 of a verifier of 43 to 128 characters (RFC 7636, S256).',
});

/** The code of a sign-in at a provider, which a browser brings back. */
export const signInCode = opaqueToken({ examples: ['SplxlOBeZQQYbYS6WxSbIA'] });

export const codeProof = Type.Object(
  {
    code: signInCode,
    code_verifier: Type.String({ pattern: '^[A-Za-z0-9._~-]{43,128}$' }),
    device_token: optionalToken(),
  },
  exact,
);

/** An ID token that a client obtained by itself. Entra writes up to 200 groups into one, which makes some 11 KiB. */
export const idTokenProof = Type.Object(
  {
    token: Type.String({ minLength: 1, maxLength: 32_768 }),
    nonce: optional(Type.String({ maxLength: 256 })),
    device_token: optionalToken(),
  },
  exact,
);
