import { expect, test } from 'vitest';
import { configWith } from '../test/support/deps.ts';
import { banner } from './banner.ts';

const bare = configWith({ secrets: { root: null }, tokens: { jwtSecret: null } });

test('every secret that was generated is named among what production needs', () => {
  expect(banner({ config: bare, embedded: true })).toContain(
    'For production, set DATABASE_URL, AUTH_ROOT_SECRET, JWT_SECRET_KEY, SMTP_URL, PUBLIC_URL',
  );
  const given = configWith({
    mail: { smtpUrl: 'smtp://mail' },
    http: { publicUrl: 'https://auth.example.com' },
  });
  expect(banner({ config: given, embedded: false })).not.toContain('For production');
});

test('the mailbox is shown where there is one', () => {
  const shown = (http: object) =>
    banner({ config: configWith({ http }), embedded: true }).includes('/dev/mailbox');
  expect(shown({})).toBe(true);
  expect(shown({ host: '0.0.0.0' })).toBe(false);
  expect(shown({ publicUrl: 'https://auth.example.com' })).toBe(false);
});

test.each([
  ['::1', 'http://[::1]:8000\n'],
  ['::', 'http://localhost:8000\n'],
  ['0.0.0.0', 'http://localhost:8000\n'],
  ['192.0.2.1', 'http://192.0.2.1:8000/docs'],
])('on HOST=%s its addresses are URLs', (host, url) => {
  expect(banner({ config: configWith({ http: { host } }), embedded: true })).toContain(url);
});

test.each([
  ['http://localhost:8000', 'http://localhost:8000/docs'],
  ['http://127.0.0.1:8000', 'http://127.0.0.1:8000/docs'],
  ['http://localhost:9000/auth', 'http://127.0.0.1:8000/docs'],
  ['https://localhost:8000', 'http://127.0.0.1:8000/docs'],
  ['https://auth.example.com', 'http://127.0.0.1:8000/docs'],
])(
  'with PUBLIC_URL=%s its links lead where passkeys and the links in mails work, if that is here',
  (publicUrl, docs) => {
    const said = banner({ config: configWith({ http: { publicUrl } }), embedded: true });
    expect(said).toContain(`Documentation  ${docs}\n`);
    expect(said).toContain('listens on http://127.0.0.1:8000\n');
  },
);
