import { loadConfig } from './platform/config/load.ts';

// The HEALTHCHECK of the image: exits with 0 when the service of this container is ready, by whichever scheme it speaks.
const { host, port, tls } = loadConfig({ env: process.env }).config.http;
const everywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
const { get } = await (tls === null ? import('node:http') : import('node:https'));
// The certificate is made for those who come from outside, under another name than this one.
const asked = { host: everywhere[host] ?? host, port, path: '/readyz', rejectUnauthorized: false };
get(asked, answer => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1));
