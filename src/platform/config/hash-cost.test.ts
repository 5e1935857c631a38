import { expect, test } from 'vitest';
import { configFolder } from '../../../test/support/config-folder.ts';

const { load, faultsOf } = configFolder();

test('argon2id may not cost more than a login computes', () => {
  const argon2 = { PASSWORD_HASH: 'argon2id' };
  expect(faultsOf({ ...argon2, ARGON2_MEMORY_KIB: '262145' })).toEqual([
    'ARGON2_MEMORY_KIB must be a whole number from 8 to 262144.',
  ]);
  expect(faultsOf({ ...argon2, ARGON2_MEMORY_KIB: '262144', ARGON2_PASSES: '17' })).toEqual([
    'ARGON2_MEMORY_KIB=262144 with ARGON2_PASSES=17 takes too long for a login: their product must not exceed 4194304. Lower one of them.',
  ]);
  expect(load({ ...argon2, ARGON2_MEMORY_KIB: '262144', ARGON2_PASSES: '16' }).warnings).toEqual([]);
});

test('argon2id at an OWASP equivalent is accepted without a word', () => {
  expect(load({ PASSWORD_HASH: 'argon2id', ARGON2_MEMORY_KIB: '7168', ARGON2_PASSES: '5' }).warnings).toEqual(
    [],
  );
});
