import { expect, test } from 'vitest';
import { ConfigError } from '../platform/config/config-error.ts';
import { loadConfig } from '../platform/config/load.ts';
import { bootstrapRules, commonBootstrapPassword } from './bootstrap-rules.ts';

const EMAIL = 'root@example.com';
const PASSWORD = 'Correct-horse-battery-7';
const load = (email: string, password: string, others: Record<string, string> = {}) =>
  loadConfig({
    env: { BOOTSTRAP_ADMIN_EMAIL: email, BOOTSTRAP_ADMIN_PASSWORD: password, ...others },
    envFile: 'none',
    rules: [bootstrapRules],
  }).config;

function faultsOf(...given: Parameters<typeof load>): readonly string[] {
  try {
    load(...given);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

const NO_ADDRESS = (email: string) =>
  `BOOTSTRAP_ADMIN_EMAIL is no address that an account can have: ${email}. Write one such as admin@example.com.`;
const REFUSED = (advice: string) =>
  `BOOTSTRAP_ADMIN_PASSWORD breaks the password policy: ${advice} Set another one, or remove BOOTSTRAP_ADMIN_* where there is an administrator.`;

test('everything that is wrong with the first administrator is told at once, with the other faults', () => {
  expect(faultsOf('root@localhost', 'short', { PORT: 'x' })).toEqual([
    'PORT must be a whole number from 0 to 65535.',
    NO_ADDRESS('root@localhost'),
    REFUSED('Use at least 8 characters. Add an upper-case letter. Add a digit or a symbol.'),
  ]);
});

test.each(['root', 'root@example..com', 'a b@example.com', 'root@example.1'])('%s is no address', email => {
  expect(faultsOf(email, PASSWORD)).toEqual([NO_ADDRESS(email)]);
});

test('the password is judged by the settings in force, and its own fault is not told twice', () => {
  expect(faultsOf(EMAIL, PASSWORD)).toEqual([]);
  expect(faultsOf(EMAIL, PASSWORD, { PASSWORD_MIN_LENGTH: '24' })).toEqual([
    REFUSED('Use at least 24 characters.'),
  ]);
  expect(faultsOf(EMAIL, 'short', { PASSWORD_REQUIRE: 'none', PASSWORD_MIN_LENGTH: '4' })).toEqual([]);
  expect(faultsOf(EMAIL, 'short', { PASSWORD_MIN_LENGTH: 'x' })).toHaveLength(1);
  expect(faultsOf(EMAIL, 'Root@Example.com-1')).toEqual([
    REFUSED(
      'This is little more than your name or address, which attackers try first. Add words that have nothing to do with you.',
    ),
  ]);
});

test('one that many use is found where the list of them is looked into', async () => {
  expect(await commonBootstrapPassword(load(EMAIL, 'Password1'))).toBe(
    REFUSED('This is one of the most used passwords, so attackers try it first. Choose another one.'),
  );
  expect(await commonBootstrapPassword(load(EMAIL, 'Password1', { PASSWORD_BLOCKLIST: 'off' }))).toBeNull();
  expect(await commonBootstrapPassword(load(EMAIL, PASSWORD))).toBeNull();
});
