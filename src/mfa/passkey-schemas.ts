import { Type } from '../platform/json-schema.ts';

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
// Members that browsers may yet add to `toJSON()` must not get people refused.
const open = { additionalProperties: true } as const;

/** What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.create` (Web Authentication §5.1). */
export const creationResponse = Type.Object(
  {
    id: text(2000),
    rawId: text(2000),
    type: Type.Literal('public-key'),
    response: Type.Object(
      {
        clientDataJSON: text(4000),
        attestationObject: text(20_000),
        transports: Type.Optional(Type.Array(Type.String({ maxLength: 32 }), { maxItems: 10 })),
      },
      open,
    ),
  },
  { ...open, title: 'PasskeyCreation', description: 'PublicKeyCredential.toJSON() of a new passkey.' },
);

/** What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.get`. */
export const assertionResponse = Type.Object(
  {
    id: text(2000),
    rawId: text(2000),
    type: Type.Literal('public-key'),
    response: Type.Object(
      {
        clientDataJSON: text(4000),
        authenticatorData: text(4000),
        signature: text(4000),
        userHandle: Type.Optional(
          Type.Union([Type.String({ maxLength: 200 }), Type.Null()], {
            description:
              'Required for a sign-in, where it identifies the account; elsewhere it may be left out.',
          }),
        ),
      },
      open,
    ),
  },
  {
    ...open,
    title: 'PasskeyAssertion',
    description: 'PublicKeyCredential.toJSON() of a passkey that was used.',
  },
);

/** For `PublicKeyCredential.parseCreationOptionsFromJSON()` and `parseRequestOptionsFromJSON()`. */
export const optionsBody = Type.Object(
  {
    options: Type.Object(
      { challenge: Type.String({ description: 'Valid for five minutes and one answer.' }) },
      { ...open, description: 'Options for the Web Authentication API, as JSON.' },
    ),
  },
  { title: 'PasskeyOptions' },
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
    last_used_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  { title: 'Passkey' },
);

/** The name that its owner gives it. */
export const passkeyLabel = Type.String({ minLength: 1, maxLength: 64, examples: ['My phone'] });
