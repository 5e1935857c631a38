// The HEALTHCHECK of the image: exits with 0 when the service of this container is ready, by whichever scheme it speaks. It
// judges no configuration: while a certificate is being renewed, a service that goes on with the old one is not sick.
const { HOST, PORT, TLS_CERT_FILE } = process.env;
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
// As the service reads it: blanks around a value do not count.
const host = HOST?.trim() || '127.0.0.1';
const { get } = await (TLS_CERT_FILE ? import('node:https') : import('node:http'));
// The certificate is made for clients from outside, which use another name than this one.
const asked = {
  host: everywhere[host] ?? host,
  port: PORT || 8000,
  path: '/readyz',
  rejectUnauthorized: false,
};
get(asked, answer => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
