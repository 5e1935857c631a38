import { expect, test } from 'vitest';
import { configWith, testConfig } from '../../test/support/deps.ts';
import { describeDevice } from './device.ts';
import { english } from './english.ts';
import { linkTo } from './link.ts';
import { brandOf, type Draft, renderMail, renderText } from './render.ts';

const createdAt = new Date('2026-11-23T17:21:26.123Z');
const hours = (count: number) => new Date(createdAt.getTime() + count * 3_600_000);
const draft = (template: string, more: Partial<Draft> = {}): Draft => ({
  template,
  params: {},
  secrets: {},
  createdAt,
  expiresAt: null,
  ...more,
});

test('a verification mail reads well as text, with its link and what to do otherwise', () => {
  const mail = renderMail(
    testConfig,
    draft('verify-email', { secrets: { token: 'T0ken_-' }, expiresAt: hours(24) }),
  );
  expect(mail.subject).toBe('Confirm your email address for Entrecore');
  expect(mail.text).toBe(`Hello,

Somebody, most likely you, used this address for an account at Entrecore.

Confirm my address:
http://localhost:8000/account/verify-email?token=T0ken_-

The link works once, within 24 hours.

If it was not you, do nothing: without your confirmation the address is not trusted.

-- 
Entrecore · http://localhost:8000
You receive this mail because of activity on an account at Entrecore. Nobody reads replies to it.
`);
  expect(mail.html).toContain('href="http://localhost:8000/account/verify-email?token=T0ken_-"');
});

const everything: Record<keyof typeof english.mails, Partial<Draft>> = {
  'verify-email': { secrets: { token: 'AAA' } },
  'email-taken': {},
  'reset-password': { secrets: { token: 'AAA' } },
  'password-changed': { secrets: { notMeToken: 'NNN' } },
  'password-removed': { secrets: { notMeToken: 'NNN' } },
  'email-change-confirm': { secrets: { token: 'AAA' } },
  'email-change-notice': {
    params: { newEmail: 'new@example.com' },
    secrets: { token: 'AAA', notMeToken: 'NNN' },
  },
  'email-changed': { params: { newEmail: 'new@example.com' }, secrets: { token: 'AAA', notMeToken: 'NNN' } },
  'new-device': { secrets: { notMeToken: 'NNN' } },
  'account-locked': { params: { until: hours(1).toISOString() }, secrets: { notMeToken: 'NNN' } },
  'refresh-token-theft': { secrets: { notMeToken: 'NNN' } },
  'factor-added': { params: { factor: 'totp' }, secrets: { notMeToken: 'NNN' } },
  'factor-removed': { params: { factor: 'sms' }, secrets: { notMeToken: 'NNN' } },
  'passkey-copied': { params: { addedAt: hours(-24).toISOString() }, secrets: { notMeToken: 'NNN' } },
  'recovery-codes-regenerated': { secrets: { notMeToken: 'NNN' } },
  'recovery-code-used': { params: { left: 3 }, secrets: { notMeToken: 'NNN' } },
  'identity-linked': { params: { provider: 'Google' }, secrets: { token: 'AAA', notMeToken: 'NNN' } },
  'identity-unlinked': { params: { provider: 'Google' }, secrets: { notMeToken: 'NNN' } },
  invitation: { params: { invitedBy: 'Grace' }, secrets: { token: 'AAA' } },
  'sign-in': { secrets: { token: 'AAA', code: '123456' } },
  'mfa-removal-scheduled': { params: { at: hours(48).toISOString() }, secrets: { notMeToken: 'NNN' } },
  'account-closed': {},
};

test.each(Object.entries(everything))(
  '%s says the same in plain text and HTML, links included, and advises whoever did nothing',
  (template, more) => {
    const { subject, text, html } = renderMail(
      testConfig,
      draft(template, { expiresAt: hours(72), ...more }),
    );
    expect(subject).not.toBe('');
    expect(subject).not.toContain('\n');
    for (const part of [text, html]) {
      expect(part).not.toMatch(/undefined|null|NaN|\[object/);
      expect(part).toContain('If ');
      for (const [secret, value] of Object.entries(more.secrets ?? {})) {
        expect(part).toContain(secret === 'code' ? value : `?token=${String(value)}`);
      }
    }
    expect(html).not.toMatch(/<script|<img|src=|@import|url\(/i);
  },
);

test('the subject of a reset says so', () => {
  expect(renderMail(testConfig, draft('reset-password', { secrets: { token: 'T' } })).subject).toMatch(
    /reset/i,
  );
});

test('what strangers can write is escaped, and a name that is no name is left out', () => {
  const hostile = '<b onmouseover="x">&\'';
  const { html } = renderMail(
    testConfig,
    draft('email-changed', { params: { newEmail: hostile, name: hostile }, secrets: { token: hostile } }),
  );
  expect(html).toContain('&lt;b onmouseover=&quot;x&quot;&gt;&amp;&#39;');
  expect(html).not.toContain('<b onmouseover');
  const greeted = (name: string) =>
    renderMail(testConfig, draft('new-device', { params: { name } })).text.split('\n')[0];
  expect(greeted('Ada Lovelace')).toBe('Hello Ada Lovelace,');
  expect(greeted("Zoë O'Brien-Łuć")).toBe("Hello Zoë O'Brien-Łuć,");
  expect(greeted('Win at evil.example')).toBe('Hello,');
  const invited = (invitedBy: string) =>
    renderMail(testConfig, draft('invitation', { params: { invitedBy }, secrets: { token: 'T' } })).text;
  expect(invited('Dr. Grace B. Hopper')).toContain('Dr. Grace B. Hopper invites you');
  expect(invited('You won at evil.example:')).toContain('You are invited to create an account');
  expect(invited('You won at evil.example:')).not.toContain('evil');
});

test('a notice tells when and where in our words, never in those of a user agent', () => {
  const userAgent =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0 visit evil.example';
  const { text } = renderMail(testConfig, draft('new-device', { params: { ip: '203.0.113.7', userAgent } }));
  expect(text).toContain('on 23 November 2026, 17:21 UTC, from Firefox on Windows, address 203.0.113.7.');
  expect(text).not.toContain('evil');
  expect(describeDevice('curl/8')).toBeNull();
  expect(
    describeDevice('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1'),
  ).toBe('Safari on iPhone');
});

test('links lead to APP_URL, and the brand is BRAND_NAME, else the name in MAIL_FROM', () => {
  const config = configWith({
    http: { appUrl: 'https://app.example.com/id' },
    mail: { from: '"Acme ID" <a@acme.test>' },
  });
  expect(linkTo(config, 'not-me', 'a b')).toBe('https://app.example.com/id/account/not-me?token=a%20b');
  expect(brandOf(config)).toBe('Acme ID');
  const from = (address: string) =>
    brandOf({ brand: { name: null, color: '#000000' }, mail: { from: address } });
  expect(from('no-reply@acme.test')).toBe('acme.test');
  expect(from('<no-reply@acme.test>')).toBe('acme.test');
  expect(brandOf(configWith({ brand: { name: 'Northwind' } }))).toBe('Northwind');
});

test('a mail and a text message have the name of the brand, and a mail its colour, as the pages do', () => {
  const config = configWith({ brand: { name: 'North & Wind', color: '#0f766e' } });
  const { subject, text, html } = renderMail(config, draft('reset-password', { secrets: { token: 'T' } }));
  expect(subject).toBe('Password reset for your North & Wind account');
  expect(text).toContain('North & Wind · http://localhost:8000');
  expect(html).toContain('>North &amp; Wind</a>');
  expect(html).toContain('background:#0f766e');
  expect(html).not.toContain('Entrecore');
  expect(renderText(config, draft('sms-login', { secrets: { code: '123456' } }))).toContain(
    '123456 is your North & Wind sign-in code.',
  );
});

test('a text message names the code first, and binds it to an https origin', () => {
  const code = draft('sms-login', {
    secrets: { code: '042042' },
    expiresAt: new Date(createdAt.getTime() + 300_000),
  });
  expect(renderText(testConfig, code)).toBe(
    '042042 is your Entrecore sign-in code. It is valid for 5 minutes. Never give it to anybody.',
  );
  const https = configWith({ http: { appUrl: 'https://app.example.com' } });
  expect(renderText(https, code)).toMatch(/\n\n@app\.example\.com #042042$/);
});

test('durations and unknown templates', () => {
  expect([600, 3600, 86_400, 259_200, 604_800, 5].map(english.duration)).toEqual([
    '10 minutes',
    '1 hour',
    '24 hours',
    '72 hours',
    '7 days',
    'a minute',
  ]);
  expect(() => renderMail(testConfig, draft('nonsense'))).toThrow('There is no mail template "nonsense".');
});

test('a notice says how long it can be answered that it was somebody else', () => {
  const { text } = renderMail(testConfig, draft('new-device', { secrets: { notMeToken: 'NNN' } }));
  expect(text).toContain('say so within 72 hours');
});
