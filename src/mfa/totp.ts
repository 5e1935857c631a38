import { Secret, TOTP } from 'otpauth';
import type { Static } from 'typebox';
import { renderSVG } from 'uqr';
import { brandOf } from '../delivery/render.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Type } from '../platform/json-schema.ts';
import { Problem } from '../platform/problems.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { completeEnrolment } from './enrolment.ts';
import { replaceUnconfirmed, selectFactor, spendStep } from './queries.ts';

const PERIOD = 30;
/** Steps before and after the present one that are accepted, for clocks that are off (RFC 6238 §5.2). */
const WINDOW = 1;

/** An authenticator app that waits to be confirmed. */
export const totpEnrolment = Type.Object(
  {
    factor_id: Type.String({ format: 'uuid' }),
    secret: Type.String({ description: 'In Base32, for typing it in.' }),
    otpauth_uri: Type.String(),
    qr_svg: Type.String({ description: 'An SVG image of the URI.' }),
  },
  { title: 'TotpEnrolment' },
);
export type TotpEnrolment = Static<typeof totpEnrolment>;

/**
 * Begins to set up an authenticator app (RFC 6238: SHA-1, 6 digits, 30 s); it is not asked for before it is confirmed.
 * Refuses with `factor_exists`.
 */
export async function enrolTotp(
  { config, db, clock, random, secrets }: Deps,
  principal: UserPrincipal,
): Promise<TotpEnrolment> {
  const { userId, account } = principal;
  if ((await selectFactor(db, { userId, kind: 'totp', confirmed: true })) !== null)
    throw new Problem('factor_exists');
  const id = random.uuid();
  const raw = random.bytes(20);
  await replaceUnconfirmed(db, {
    id,
    userId,
    kind: 'totp',
    secretSealed: secrets.seal(contextOf(id), raw),
    phoneNumber: null,
    now: clock.now(),
  });
  const totp = totpOf(raw, { issuer: brandOf(config), label: account.username });
  const uri = totp.toString();
  return { factor_id: id, secret: totp.secret.base32, otpauth_uri: uri, qr_svg: renderSVG(uri) };
}

/** Whether an enrolment still waits to be confirmed: a later one replaces it, and a confirmed one no longer waits. */
export async function isNewestTotp(
  { db }: Pick<Deps, 'db'>,
  { userId }: Pick<UserPrincipal, 'userId'>,
  factorId: string,
): Promise<boolean> {
  return (await selectFactor(db, { userId, kind: 'totp', confirmed: false }))?.id === factorId;
}

/**
 * Confirms the app with one of its codes, and returns ten recovery codes. Refuses with `factor_not_found`,
 * `invalid_mfa_code`.
 */
export async function confirmTotp(deps: Deps, principal: UserPrincipal, code: string): Promise<string[]> {
  const factor = await selectFactor(deps.db, { userId: principal.userId, kind: 'totp', confirmed: false });
  if (factor === null || factor.secret_sealed === null) throw new Problem('factor_not_found');
  const { id, secret_sealed } = factor;
  return completeEnrolment(deps, principal, {
    id,
    kind: 'totp',
    prove: async () => stepOf(deps, { id, secret_sealed }, code),
  });
}

/** The user's app if the code is one of its own, valid now and not used before; null for all but one of N callers at once. */
export async function spendTotp(
  deps: Deps,
  database: Sql,
  userId: string,
  code: string,
): Promise<{ factorId: string } | null> {
  const factor = await selectFactor(database, { userId, kind: 'totp', confirmed: true });
  if (factor === null || factor.secret_sealed === null) return null;
  const { id, secret_sealed } = factor;
  const step = stepOf(deps, { id, secret_sealed }, code);
  const spent = step !== null && (await spendStep(database, { id, step, now: deps.clock.now() }));
  return spent ? { factorId: id } : null;
}

function stepOf(
  { secrets, clock }: Deps,
  factor: { id: string; secret_sealed: Buffer },
  code: string,
): number | null {
  const timestamp = clock.now().getTime();
  const token = code.replaceAll(/\s/g, '');
  if (!/^\d{6}$/.test(token)) return null;
  const delta = totpOf(secrets.open(contextOf(factor.id), factor.secret_sealed)).validate({
    token,
    timestamp,
    window: WINDOW,
  });
  return delta === null ? null : Math.floor(timestamp / 1000 / PERIOD) + delta;
}

function totpOf(raw: Buffer, names: { issuer?: string; label?: string } = {}): TOTP {
  const secret = new Secret({ buffer: new Uint8Array(raw).buffer });
  return new TOTP({ ...names, algorithm: 'SHA1', digits: 6, period: PERIOD, secret });
}

const contextOf = (id: string) => `factors:${id}`;
