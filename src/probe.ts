// The HEALTHCHECK of the image: exits with 0 when the service of this container is ready, by whichever scheme it speaks. It
// judges no configuration: while a certificate is being renewed, a service that goes on with the old one is not sick.
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
// As the service reads them: blanks around a value do not count, and `off` is a word for no certificate.
const [host, port, certificate] = ['HOST', 'PORT', 'TLS_CERT_FILE'].map(name => process.env[name]?.trim());
const isPlain = !certificate || certificate.toLowerCase() === 'off';
const { get } = await (isPlain ? import('node:http') : import('node:https'));
// The certificate is made for clients from outside, which use another name than this one.
const asked = {
  host: everywhere[host ?? ''] ?? (host || '127.0.0.1'),
  port: port || 8000,
  path: '/readyz',
  rejectUnauthorized: false,
};
get(asked, answer => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
