import { createPrivateKey } from 'node:crypto';
import { createLocalJWKSet, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateSigningKey, thumbprint } from '../../src/keys/algorithms.ts';
import { type CompactJws, splitCompact } from '../../src/keys/compact-jws.ts';
import { asymmetricCheck, asymmetricSigner, symmetricCheck, symmetricSigner } from '../../src/keys/jwt.ts';

const PAYLOAD =
  'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const CLAIMS = { iss: 'joe', exp: 1300819380, 'http://example.com/is_root': true };
const RSA_N =
  'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ';

// The examples of RFC 7515, verified as an access token is.
const examples = [
  {
    name: 'A.1 HS256',
    check: symmetricCheck(
      'HS256',
      Buffer.from(
        'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
        'base64url',
      ),
    ),
    token: `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  },
  {
    name: 'A.2 RS256',
    check: asymmetricCheck({ kty: 'RSA', e: 'AQAB', n: RSA_N, use: 'sig', alg: 'RS256', kid: '' }),
    token: `eyJhbGciOiJSUzI1NiJ9.${PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`,
  },
  {
    name: 'A.3 ES256',
    check: asymmetricCheck({
      kty: 'EC',
      use: 'sig',
      alg: 'ES256',
      kid: '',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    }),
    token: `eyJhbGciOiJFUzI1NiJ9.${PAYLOAD}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
  },
] as const;

const parts = (token: string) => splitCompact(token) as CompactJws;

test.each(examples)(
  'RFC 7515 $name verifies, and with one bit of the signature changed does not',
  ({ check, token }) => {
    expect(check(parts(token))).toEqual(CLAIMS);
    const at = token.lastIndexOf('.') + 5;
    const other = token[at] === 'A' ? 'B' : 'A';
    expect(check(parts(token.slice(0, at) + other + token.slice(at + 1)))).toBeNull();
  },
);

test('thumbprints are those of RFC 7638 §3.1 and RFC 8037 A.3', () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
  expect(thumbprint({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })).toBe(
    'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  );
  expect(thumbprint({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' })).toBe(
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  );
});

const expected = { issuer: 'https://auth.example.com', audience: 'entrecore' };
const claims = {
  iss: expected.issuer,
  aud: expected.audience,
  sub: 's',
  jti: 'j',
  iat: 1,
  nbf: 1,
  exp: 4_000_000_000,
};
const SECRET = 'sixty-four bytes or more of a shared secret, enough for HS512 too!';
const asymmetric = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
const keys = new Map<string, Awaited<ReturnType<typeof generateSigningKey>>>();
beforeAll(async () => {
  for (const algorithm of asymmetric) keys.set(algorithm, await generateSigningKey(algorithm));
});
afterAll(() => keys.clear());

test.each(asymmetric)(
  '%s: jose verifies what we sign from our JWKS, and we verify what jose signs',
  async algorithm => {
    const key = keys.get(algorithm) as Awaited<ReturnType<typeof generateSigningKey>>;
    const ours = asymmetricSigner(algorithm, key.kid, key.privateKey)(claims);
    const set = createLocalJWKSet({ keys: [{ ...key.publicJwk }] });
    const { payload } = await jwtVerify(ours, set, { ...expected, typ: 'at+jwt', algorithms: [algorithm] });
    expect(payload).toEqual(claims);
    const theirs = await new SignJWT(claims as unknown as JWTPayload)
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid: key.kid })
      .sign(createPrivateKey({ key: key.privateKey, format: 'der', type: 'pkcs8' }));
    expect(asymmetricCheck(key.publicJwk)(parts(theirs))).toEqual(claims);
  },
);

test.each(['HS256', 'HS384', 'HS512'] as const)(
  '%s: jose and we agree on the raw UTF-8 bytes of the secret',
  async algorithm => {
    const secret = `${SECRET} ключ`;
    const bytes = new TextEncoder().encode(secret);
    const ours = symmetricSigner(algorithm, secret)(claims);
    expect((await jwtVerify(ours, bytes, { ...expected, typ: 'at+jwt' })).payload).toEqual(claims);
    const theirs = await new SignJWT(claims as unknown as JWTPayload)
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt' })
      .sign(bytes);
    expect(symmetricCheck(algorithm, secret)(parts(theirs))).toEqual(claims);
  },
);
