import { expect, test } from 'vitest';
import { parseSmtpUrl } from './smtp-url.ts';

test('an SMTP_URL says what it means, and a password never goes out unencrypted', () => {
  const parsed = (url: string) => {
    const { caFile: _caFile, auth: _auth, ...server } = parseSmtpUrl(url);
    return server;
  };
  const plain = {
    secure: false,
    requireTLS: false,
    opportunisticTLS: true,
    ignoreTLS: false,
    verify: false,
  };
  const strict = { ...plain, requireTLS: true, opportunisticTLS: false, verify: true };
  expect(parsed('smtp://mail.example.com')).toEqual({ ...plain, host: 'mail.example.com', port: 587 });
  expect(parsed('smtp://u:p@mail.example.com:2525')).toEqual({
    ...strict,
    host: 'mail.example.com',
    port: 2525,
  });
  expect(parsed('smtp://u:p@127.evil.example')).toMatchObject({ requireTLS: true });
  expect(parsed('smtp://u:p@localhost:1025')).toMatchObject({ requireTLS: false });
  expect(parsed('smtp://u:p@[::1]:1025')).toMatchObject({ host: '::1', requireTLS: false });
  expect(parsed('smtps://mail.example.com')).toMatchObject({ port: 465, secure: true, verify: true });
  expect(parsed('smtp://mailpit:1025?tls=off')).toMatchObject({ ignoreTLS: true });
  expect(() => parseSmtpUrl('smtp://u:p@mail.example.com?tls=off')).toThrow('unencrypted');
  expect(() => parseSmtpUrl('smtp://mail.example.com?requireTLS=1')).toThrow('parameters than tls and ca');
  expect(() => parseSmtpUrl('smtp://u:100%@mail.example.com')).toThrow('%25');
  expect(parseSmtpUrl('smtp://a%40b:p%25@mail.example.com?ca=/etc/ca.pem')).toMatchObject({
    auth: { user: 'a@b', pass: 'p%' },
    caFile: '/etc/ca.pem',
  });
  expect(() => parseSmtpUrl('http://mail.example.com')).toThrow('must look like');
  expect(() => parseSmtpUrl('smtp://mail.example.com?tls=maybe')).toThrow('tls=required or tls=off');
});
