import { defineEntity } from '@mikro-orm/core';
import { bytes, instant, text } from './migrations/columns.ts';

export const serviceSecrets = defineEntity({
  name: 'service_secrets',
  properties: { name: text().primary(), value: bytes(), created_at: instant() },
});
