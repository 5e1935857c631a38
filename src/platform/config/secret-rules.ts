import { hasServer, type Judged } from './judged.ts';
import { byteLength, weaknessOf } from './secret-strength.ts';
import { isLoopback } from './url-parsers.ts';

// RFC 7518 §3.2: a key of the hash's size or larger.
const LEAST_BYTES: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const ROOT_BYTES = 32;
const METRICS_BYTES = 16;

/**
 * Stops the start if a required secret is missing or one is too short. A secret that can be guessed also stops it if
 * PUBLIC_URL shows that the service is meant for others; on somebody's own machine it is a warning.
 */
export function secretRules(judged: Judged): void {
  const { values, isGiven, fault, warn } = judged;
  const algorithm = values.ALGORITHM ?? 'HS256';
  const least = LEAST_BYTES[algorithm];
  const jwt = values.JWT_SECRET_KEY;

  if (least === undefined) {
    if (isGiven('JWT_SECRET_KEY'))
      warn(
        `JWT_SECRET_KEY signs nothing under ALGORITHM=${algorithm}. Remove it ACCESS_TOKEN_EXPIRE_MINUTES after the change from HS*: until then tokens of before are verified with it.`,
      );
  } else if (typeof jwt === 'string') {
    judgeSecret(judged, 'JWT_SECRET_KEY', jwt, least, ` for ${algorithm} (RFC 7518 §3.2)`);
  } else if (jwt === null && hasServer(judged)) {
    fault(
      `JWT_SECRET_KEY is required with a PostgreSQL server: set it to at least ${least} bytes. Make one: ${recipe(least)}`,
    );
  }
  if (least !== undefined) {
    for (const secret of values.JWT_SECRET_KEY_PREVIOUS ?? []) {
      judgeSecret(judged, 'JWT_SECRET_KEY_PREVIOUS', secret, 32);
    }
  }

  const root = values.AUTH_ROOT_SECRET;
  if (typeof root === 'string') judgeSecret(judged, 'AUTH_ROOT_SECRET', root, ROOT_BYTES);
  for (const secret of values.AUTH_ROOT_SECRET_PREVIOUS ?? []) {
    judgeSecret(judged, 'AUTH_ROOT_SECRET_PREVIOUS', secret, ROOT_BYTES);
  }
  const metrics = values.METRICS_TOKEN;
  if (typeof metrics === 'string') judgeSecret(judged, 'METRICS_TOKEN', metrics, METRICS_BYTES);
  sharingRules(judged);
}

// Who else holds each secret, and which tokens the service itself makes with each.
const HELD_BY_OTHERS = {
  JWT_SECRET_KEY: 'whoever verifies access tokens',
  JWT_SECRET_KEY_PREVIOUS: 'whoever verifies access tokens',
  METRICS_TOKEN: 'whoever reads the metrics',
  SMS_WEBHOOK_SECRET: 'whoever sends the text messages',
} as const;
const MAKES = {
  AUTH_ROOT_SECRET: 'refresh tokens',
  AUTH_ROOT_SECRET_PREVIOUS: 'refresh tokens',
  JWT_SECRET_KEY: 'access tokens',
  JWT_SECRET_KEY_PREVIOUS: 'access tokens',
} as const;

function sharingRules({ values, fault }: Judged): void {
  const secretsOf = (name: keyof typeof HELD_BY_OTHERS | keyof typeof MAKES) => [values[name] ?? []].flat();
  for (const [own, tokens] of entriesOf(MAKES)) {
    for (const [other, who] of entriesOf(HELD_BY_OTHERS)) {
      // The siblings hold both keys anyway, as they verify with either.
      if (tokens === 'access tokens' && who === HELD_BY_OTHERS.JWT_SECRET_KEY) continue;
      if (secretsOf(own).some(secret => secretsOf(other).includes(secret)))
        fault(`${own} and ${other} are the same: ${who} could make ${tokens}. Give each its own.`);
    }
  }
}

const entriesOf = <Key extends string, Value>(table: Readonly<Record<Key, Value>>) =>
  Object.entries(table) as [Key, Value][];

function judgeSecret(judged: Judged, name: string, secret: string, least: number, why = ''): void {
  const bytes = byteLength(secret);
  if (bytes < least) {
    judged.fault(`${name} has ${bytes} bytes and needs at least ${least}${why}. Make one: ${recipe(least)}`);
    return;
  }
  const weakness = weaknessOf(secret);
  if (weakness === null) return;
  const { PUBLIC_URL: publicUrl } = judged.values;
  const isForOthers = publicUrl !== undefined && !isLoopback(new URL(publicUrl).hostname);
  const say = isForOthers ? judged.fault : judged.warn;
  say(`${name} ${weakness}. Make one: ${recipe(least)}`);
}

const recipe = (bytes: number) => `openssl rand -base64 ${Math.max(bytes, 48)}`;
