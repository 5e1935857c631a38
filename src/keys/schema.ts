import { defineEntity } from '@mikro-orm/core';
import { bytes, instant, json, text } from '../platform/migrations/columns.ts';

export const signingKeys = defineEntity({
  name: 'signing_keys',
  properties: {
    kid: text().primary(),
    algorithm: text(),
    public_jwk: json(),
    private_key_sealed: bytes(),
    created_at: instant(),
    signs_from: instant(),
    signs_until: instant().nullable(),
    verifies_until: instant().nullable(),
  },
});
