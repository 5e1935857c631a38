import type { Config } from './platform/config.ts';

/** What a person at the terminal needs to know once it runs: where things are, and what is not fit for production. */
export function banner({
  config,
  embedded,
  port,
}: {
  config: Config;
  embedded: boolean;
  port: number;
}): string {
  const { http, mail, dataDir } = config;
  const base = `${http.tls === null ? 'http' : 'https'}://${http.host === '0.0.0.0' ? 'localhost' : http.host}:${port}`;
  const lines = [
    '',
    `  Entrecore Auth listens on ${base}`,
    '',
    `  Documentation  ${base}/docs`,
    ...(mail.smtpUrl === null ? [`  Mailbox        ${base}/dev/mailbox`] : []),
    ...(embedded ? [`  Data           ${dataDir} (embedded PostgreSQL)`] : []),
  ];
  const missing = [
    ...(embedded ? ['DATABASE_URL'] : []),
    ...(config.secrets.root === null ? ['AUTH_ROOT_SECRET', 'JWT_SECRET_KEY'] : []),
    ...(mail.smtpUrl === null ? ['SMTP_URL'] : []),
    ...(http.publicUrl.startsWith('https:') ? [] : ['PUBLIC_URL']),
  ];
  if (missing.length > 0)
    lines.push('', `  For production, set ${missing.join(', ')} (README, "Production").`);
  return `${lines.join('\n')}\n\n`;
}
