import { expect, test } from 'vitest';
import { configFolder, JWT } from '../../../test/support/config-folder.ts';
import { ConfigError } from './config-error.ts';

const { load } = configFolder();

function effectiveOf(env: Record<string, string>): string {
  try {
    return load(env).describe();
  } catch (error) {
    if (error instanceof ConfigError) return error.effective ?? '';
    throw error;
  }
}

test('beside what is wrong stand the effective values, each with where it comes from', () => {
  const shown = effectiveOf({
    PORT: 'x',
    ALGORITHM: 'HS384',
    JWT_SECRET_KEY: JWT,
    SMTP_URL: 'smtp://u:hidden',
  });
  expect(shown).toContain('\nALGORITHM=HS384  (environment)\n');
  expect(shown).toContain('\nJWT_SECRET_KEY=***  (environment)\n');
  expect(shown).toContain('\nDB_POOL_MAX=10  (default)\n');
  expect(shown).toContain('\nPORT  (cannot be used: environment)\n');
  expect(shown).toContain('\nSMTP_URL  (cannot be used: environment)\n');
  expect(shown).not.toMatch(/hidden/);
});

test('what cannot be read is not said to be unset', () => {
  const shown = effectiveOf({ JWT_SECRET_KEY: JWT, JWT_SECRET_KEY_FILE: '/nowhere' });
  expect(shown).toContain('\nJWT_SECRET_KEY  (cannot be used)\n');
});

test('a password in a URL that must have none is shown in no other value that derives from it', () => {
  expect(effectiveOf({ PUBLIC_URL: 'https://somebody:hidden@auth.example' })).not.toMatch(/hidden/);
});

test('a token in the path or the query of an endpoint is not shown, and its host is', () => {
  const shown = effectiveOf({
    AUDIT_CHECKPOINT_URL: 'https://kept.example/hidden/token',
    SMS_WEBHOOK_URL: 'https://texts.example/?token=hidden',
    SMS_WEBHOOK_SECRET: 'sixteen bytes or more',
  });
  expect(shown).toContain('\nAUDIT_CHECKPOINT_URL=https://kept.example/***  (environment)');
  expect(shown).toContain('\nSMS_WEBHOOK_URL=https://texts.example/?***  (environment)\n');
  expect(shown).not.toMatch(/hidden/);
});

test('a password, key or token that looks like a URL is masked whole', () => {
  const hidden = 'hidden://kX7/pQ2';
  const shown = effectiveOf({
    DB_HOST: 'localhost',
    DB_PASSWORD: hidden,
    JWT_SECRET_KEY: `${hidden}?${JWT}`,
    SMS_WEBHOOK_SECRET: `${hidden}@${JWT}`,
  });
  expect(shown).toContain('\nDB_PASSWORD=***  (environment)\n');
  expect(shown).not.toMatch(/hidden|kX7|pQ2/);
});
