import { orNull, Type } from '../platform/json-schema.ts';

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
// These two are open, as members that browsers may yet add must not get people refused. They do not say
// `additionalProperties: true`: generators make an index signature of it, and what browsers give has none.

/** What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.create` (Web Authentication §5.1). */
export const creationResponse = Type.Object(
  {
    id: text(2000),
    rawId: text(2000),
    type: Type.Literal('public-key'),
    response: Type.Object({
      clientDataJSON: text(4000),
      attestationObject: text(20_000),
      transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10 })),
    }),
  },
  { title: 'PasskeyCreation', description: 'PublicKeyCredential.toJSON() of a new passkey.' },
);

/** What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.get`. */
export const assertionResponse = Type.Object(
  {
    id: text(2000),
    rawId: text(2000),
    type: Type.Literal('public-key'),
    response: Type.Object({
      clientDataJSON: text(4000),
      authenticatorData: text(4000),
      signature: text(4000),
      userHandle: Type.Optional(
        Type.Union([Type.String({ maxLength: 200 }), Type.Null()], {
          description:
            'Required for a sign-in, where it identifies the account; elsewhere it may be left out.',
        }),
      ),
    }),
  },
  {
    title: 'PasskeyAssertion',
    description: 'PublicKeyCredential.toJSON() of a passkey that was used.',
  },
);

const challenge = Type.String({ description: 'Valid for five minutes and one answer.' });
const forTheBrowser = {
  additionalProperties: true,
  description: 'Options for the Web Authentication API, as JSON.',
} as const;

/** For `PublicKeyCredential.parseRequestOptionsFromJSON()`. */
export const requestOptionsBody = Type.Object(
  { options: Type.Object({ challenge }, forTheBrowser) },
  { title: 'PasskeyOptions' },
);

/** For `PublicKeyCredential.parseCreationOptionsFromJSON()`, with all that its type requires. */
export const creationOptionsBody = Type.Object(
  {
    options: Type.Object(
      {
        challenge,
        rp: Type.Object(
          { id: Type.Optional(Type.String()), name: Type.String() },
          { examples: [{ id: 'example.com', name: 'Example' }] },
        ),
        user: Type.Object(
          { id: Type.String(), name: Type.String(), displayName: Type.String() },
          {
            examples: [
              { id: 'AZMA9G8AcACAAAAAAAAAAQ', name: 'ada@example.com', displayName: 'Ada Lovelace' },
            ],
          },
        ),
        pubKeyCredParams: Type.Array(Type.Object({ alg: Type.Integer(), type: Type.Literal('public-key') }), {
          examples: [[{ alg: -7, type: 'public-key' }]],
        }),
      },
      forTheBrowser,
    ),
  },
  { title: 'PasskeyCreationOptions' },
);

/** A passkey as its owner sees it. */
export const passkeyBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ examples: ['My phone'] }),
    aaguid: Type.String({
      description: 'The model of the authenticator; zeros if the authenticator does not tell it.',
    }),
    transports: Type.Array(Type.String(), { examples: [['internal', 'hybrid']] }),
    device_type: Type.Union([Type.Literal('single_device'), Type.Literal('multi_device')]),
    backed_up: Type.Boolean({
      description: 'Whether the passkey was backed up when it was last used.',
    }),
    created_at: Type.String({ format: 'date-time' }),
    last_used_at: orNull(Type.String({ format: 'date-time' })),
  },
  { title: 'Passkey' },
);

/** The name that its owner gives it. */
export const passkeyLabel = Type.String({ minLength: 1, maxLength: 64, examples: ['My phone'] });
