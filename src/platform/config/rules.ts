import { resolve } from 'node:path';
import { ARGON2_MAX } from '../argon2-hash.ts';
import { faultOfAppending } from './appendable.ts';
import { faultsOfCertificate } from './certificate-files.ts';
import { databaseRules } from './database-rules.ts';
import type { Judged } from './judged.ts';
import { parseRedisUrl } from './redis-url.ts';
import { secretRules } from './secret-rules.ts';
import { byteLength } from './secret-strength.ts';
import { judgeUrlFiles } from './url-files.ts';
import { isExposed, isLoopback } from './url-parsers.ts';

/** Checks that need several variables or the file system, or that end in a warning. */
export function applyRules(judged: Judged): void {
  for (const rule of [
    databaseRules,
    secretRules,
    addressRules,
    tlsRules,
    endpointRules,
    deliveryRules,
    redisRules,
    auditRules,
    accountRules,
    passkeyRules,
    costRules,
  ]) {
    rule(judged);
  }
}

function addressRules({ values, isGiven, warn }: Judged): void {
  const { PUBLIC_URL: publicUrl, APP_URL: appUrl, HOST: host } = values;
  if (appUrl !== undefined && isExposed(appUrl)) {
    warn('APP_URL is plain http: the links in mails carry secrets. Use https.');
  }
  if (host !== undefined && !isLoopback(host) && publicUrl !== undefined && !isGiven('PUBLIC_URL')) {
    warn(`HOST=${host} listens beyond this machine, yet PUBLIC_URL is ${publicUrl}: set PUBLIC_URL.`);
  }
  if (values.TRUST_PROXY === null && publicUrl?.startsWith('https:') && values.TLS_CERT_FILE === null) {
    warn('PUBLIC_URL is https but nothing here serves TLS: set TRUST_PROXY for the proxy that does.');
  }
  const everybody = Array.isArray(values.TRUST_PROXY)
    ? values.TRUST_PROXY.find(cidr => cidr.endsWith('/0'))
    : undefined;
  if (everybody !== undefined) {
    warn(
      `TRUST_PROXY=${everybody} believes every client what it says its address is: limits and the trail go by that. Name the networks of your proxies.`,
    );
  }
}

function tlsRules({ values, folder, isGiven, fault }: Judged): void {
  if (isGiven('TLS_CERT_FILE') !== isGiven('TLS_KEY_FILE')) {
    fault('TLS_CERT_FILE and TLS_KEY_FILE belong together: set both, or neither.');
  }
  const at = (name: 'TLS_CERT_FILE' | 'TLS_KEY_FILE') => {
    const file = values[name];
    return file ? { name, path: resolve(folder, file) } : null;
  };
  for (const found of faultsOfCertificate({ certificate: at('TLS_CERT_FILE'), key: at('TLS_KEY_FILE') }))
    fault(found);
}

// Plain http may lead to a neighbour on this machine or its private network, so it is not refused.
const PLAIN_HTTP = {
  SMS_WEBHOOK_URL: 'text messages carry codes',
  PASSWORD_BREACH_CHECK_URL:
    'whoever is on the way sees the first digits of hashes and can answer "never seen"',
  AUDIT_CHECKPOINT_URL: 'whoever is on the way can keep checkpoints from arriving unnoticed',
} as const;

function endpointRules({ values, warn }: Judged): void {
  for (const [name, danger] of Object.entries(PLAIN_HTTP)) {
    const url = values[name as keyof typeof PLAIN_HTTP];
    if (typeof url === 'string' && isExposed(url)) warn(`${name} is plain http: ${danger}. Use https.`);
  }
}

function deliveryRules(judged: Judged): void {
  const { values, isGiven, fault, warn } = judged;
  if (isGiven('SMS_WEBHOOK_URL') !== isGiven('SMS_WEBHOOK_SECRET')) {
    fault('SMS_WEBHOOK_URL and SMS_WEBHOOK_SECRET belong together: set both, or neither.');
  }
  const secret = values.SMS_WEBHOOK_SECRET;
  if (typeof secret === 'string' && byteLength(secret) < 16) {
    fault('SMS_WEBHOOK_SECRET must have at least 16 bytes. Make one: openssl rand -base64 24');
  }
  const twilio = ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'] as const;
  const missing = twilio.filter(name => !isGiven(name));
  if (missing.length > 0 && missing.length < twilio.length) {
    fault(`Twilio needs ${missing.join(' and ')} too: set all of TWILIO_*, or none.`);
  }
  if (missing.length === 0 && isGiven('SMS_WEBHOOK_URL')) {
    fault('SMS_WEBHOOK_URL and TWILIO_* are both set: keep the one that should send.');
  }
  if (isGiven('SMTP_URL') && !isGiven('MAIL_FROM')) {
    warn(`MAIL_FROM is not set: mails come from ${values.MAIL_FROM}, which many servers refuse.`);
  }
  judgeUrlFiles(judged, 'SMTP_URL');
}

function redisRules(judged: Judged): void {
  const { REDIS_URL: url } = judged.values;
  if (typeof url !== 'string') return;
  const { tls, ca } = parseRedisUrl(url);
  if (ca !== undefined && !tls) {
    judged.warn('REDIS_URL, ca is not used: redis:// does not encrypt. Write rediss:// where it should.');
  }
  judgeUrlFiles(judged, 'REDIS_URL');
}

// Without this check only the log would say so, with a warning for each lost checkpoint.
function auditRules({ values, folder, fault }: Judged): void {
  const { AUDIT_CHECKPOINT_FILE: file } = values;
  if (typeof file !== 'string') return;
  const found = faultOfAppending('AUDIT_CHECKPOINT_FILE', resolve(folder, file));
  if (found !== null) fault(found);
}

function accountRules({ values, isGiven, fault, warn }: Judged): void {
  if (isGiven('BOOTSTRAP_ADMIN_EMAIL') !== isGiven('BOOTSTRAP_ADMIN_PASSWORD')) {
    fault('BOOTSTRAP_ADMIN_EMAIL and BOOTSTRAP_ADMIN_PASSWORD belong together: set both, or neither.');
  }
  if (isGiven('GOOGLE_CLIENT_SECRET') && !isGiven('GOOGLE_CLIENT_ID')) {
    fault('GOOGLE_CLIENT_SECRET is set without GOOGLE_CLIENT_ID: set both, or remove the secret.');
  }
  const { PASSWORD_MIN_LENGTH: least, PASSWORD_MAX_LENGTH: most } = values;
  if (least !== undefined && most !== undefined && least > most) {
    fault('PASSWORD_MIN_LENGTH is greater than PASSWORD_MAX_LENGTH: no password would do.');
  }
  if (least !== undefined && least < 8) {
    warn('PASSWORD_MIN_LENGTH is below 8, the least that NIST SP 800-63B accepts.');
  }
  if (most !== undefined && most < 64) {
    warn('PASSWORD_MAX_LENGTH is below 64, the least that NIST SP 800-63B lets people have.');
  }
  if ((values.PASSWORD_MAX_AGE_DAYS ?? 0) > 0) {
    warn('PASSWORD_MAX_AGE_DAYS: NIST SP 800-63B forbids expiring passwords by age; they get weaker.');
  }
  const { LOCKOUT_MINUTES: lock, LOCKOUT_MAX_MINUTES: longest } = values;
  if (lock !== undefined && longest !== undefined && lock > longest) {
    fault('LOCKOUT_MINUTES is greater than LOCKOUT_MAX_MINUTES: raise the latter.');
  }
  if (values.LOCKOUT_ATTEMPTS === 0) warn('LOCKOUT_ATTEMPTS=0: passwords can be guessed without end.');
  if (values.RATE_LIMIT === 'off')
    warn('RATE_LIMIT=off: neither requests nor repeated mails are limited. This is meant for load tests.');
  const { REFRESH_TOKEN_EXPIRE_DAYS: idle, SESSION_MAX_AGE_DAYS: age } = values;
  if (idle !== undefined && age !== undefined && idle > age) {
    warn(`REFRESH_TOKEN_EXPIRE_DAYS=${idle} has no effect past SESSION_MAX_AGE_DAYS=${age}.`);
  }
}

// A browser refuses a relying party id that is not the page's host or a parent of it (Web Authentication §5.1.3).
function passkeyRules({ values, isGiven, fault }: Judged): void {
  const { WEBAUTHN_RP_ID: id, WEBAUTHN_ORIGINS: origins, PUBLIC_URL: own, APP_URL: app } = values;
  if (id === undefined || origins === undefined) return;
  const stray = origins.filter(origin => {
    const host = URL.parse(origin)?.hostname ?? '';
    return !origin.startsWith('android:') && host !== id && !host.endsWith(`.${id}`);
  });
  if (isGiven('WEBAUTHN_ORIGINS')) {
    for (const origin of stray)
      fault(
        `WEBAUTHN_ORIGINS: ${origin} is not below WEBAUTHN_RP_ID=${id}, so browsers refuse passkeys there.`,
      );
  } else if (
    isGiven('WEBAUTHN_RP_ID') &&
    stray.length === origins.length &&
    own !== undefined &&
    app !== undefined
  ) {
    // One of the two may be elsewhere: then only the other has passkeys.
    fault(
      `WEBAUTHN_RP_ID=${id} is neither the host of PUBLIC_URL (${own}) or APP_URL (${app}) nor a parent of it, so browsers refuse passkeys: set it to one, or set those.`,
    );
  }
}

// OWASP's equivalent minimums for Argon2id: memory in KiB, and the passes that it then takes.
const ARGON2_FLOORS: readonly (readonly [memory: number, passes: number])[] = [
  [47_104, 1],
  [19_456, 2],
  [12_288, 3],
  [9216, 4],
  [7168, 5],
];

function costRules({ values, warn, fault }: Judged): void {
  const { PASSWORD_HASH: hash, BCRYPT_COST: cost, ARGON2_MEMORY_KIB: memory, ARGON2_PASSES: passes } = values;
  if (hash === 'bcrypt' && cost !== undefined && cost < 10) {
    warn(`BCRYPT_COST=${cost} is below 10, the least that OWASP accepts: a stolen table is guessed quickly.`);
  }
  if (hash !== 'argon2id' || memory === undefined || passes === undefined) return;
  if (memory * passes > ARGON2_MAX.work)
    fault(
      `ARGON2_MEMORY_KIB=${memory} with ARGON2_PASSES=${passes} takes too long for a login: their product must not exceed ${ARGON2_MAX.work}. Lower one of them.`,
    );
  if (!ARGON2_FLOORS.some(([least, times]) => memory >= least && passes >= times)) {
    warn(`ARGON2_MEMORY_KIB=${memory} with ARGON2_PASSES=${passes} is below OWASP's floor (19456 and 2).`);
  }
}
