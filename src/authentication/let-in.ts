import { touchLastLogin } from '../accounts/find.ts';
import { type AuditEvent, insertEvent, prepareEvent } from '../audit/record.ts';
import { onceAtOnce } from '../delivery/at-once.ts';
import { insertMail, prepareMail, whereOf } from '../delivery/enqueue.ts';
import { wakeDelivery } from '../delivery/wake.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import type { Caller } from '../platform/caller.ts';
import { Problem } from '../platform/problems.ts';
import { type Fragment, sql } from '../platform/sql.ts';
import { roleVersion } from '../rbac/definitions.ts';
import { rolesOf } from '../rbac/effective.ts';
import { newSession } from '../sessions/start.ts';
import type { TokenBody } from '../sessions/token.ts';
import {
  deviceName,
  hasNamed,
  newDevice,
  newDeviceFragment,
  seenDeviceFragment,
} from '../throttle/devices.ts';
import { forgiveFragment, writeOrGiveBack } from '../throttle/lockout.ts';
import type { FirstFactor } from './first-factor.ts';

/**
 * Starts the session of somebody who has proven everything that is asked: one statement forgives the failures, writes
 * `last_login`, the session, the device and the audit events, and queues the notice about a new device. Refuses with
 * `invalid_credentials` if meanwhile the account was disabled, or something that was proven was replaced or removed.
 */
export async function letIn(deps: KeysDeps, caller: Caller, proof: FirstFactor): Promise<TokenBody> {
  const { db, clock } = deps;
  const { account, subject } = proof;
  const now = clock.now();
  const stranger = proof.deviceId === null ? newDevice(deps, account.id) : null;
  const deviceId = stranger?.deviceId ?? (proof.deviceId as string);
  const session = newSession(deps, caller, {
    userId: account.id,
    amr: proof.amr,
    deviceId,
    from: sql`from admitted`,
  });
  const prepare = (type: AuditEvent['type'], data: NonNullable<AuditEvent['data']>) =>
    prepareEvent(deps, {
      type,
      outcome: 'success',
      actor: { kind: 'user', id: account.id },
      userId: account.id,
      sessionId: session.id,
      caller,
      data,
    });
  const login = await prepare('login.succeeded', { amr: proof.amr });
  const events =
    stranger === null ? login : ([login, await prepare('device.added', { device: deviceId })] as const);
  const name = deviceName(caller);
  const device =
    stranger === null
      ? seenDeviceFragment({ deviceId, now }, sql`admitted`)
      : newDeviceFragment({ deviceId, name, now }, sql`admitted`);
  const told = { template: 'new-device', userId: account.id, about: name } as const;
  const notice =
    stranger !== null && account.last_login_at !== null
      ? sql`, turn as (${onceAtOnce(deps, told, sql`admitted where not ${hasNamed(account.id, name)}`)}),
        notice as (${insertMail(
          prepareMail(deps, {
            template: 'new-device',
            to: account.email,
            userId: account.id,
            params: whereOf(caller, now),
          }),
          sql`turn`,
        )})`
      : sql``;
  const forgiven = subject === null ? sql`` : sql`, forgiven as (${forgiveFragment(subject, sql`admitted`)})`;
  const admitted = await writeOrGiveBack(deps, subject, () =>
    db.share<{ roles: string[]; version: string | null }>(
      sql`
    with standing as (${touchLastLogin({ userId: account.id, now })}),
      admitted as (${withProofOf(proof)}),
      session as (${session.insert}),
      device as (${device}),
      ${insertEvent(events, sql`admitted`)}
      ${forgiven}
      ${notice}
    select ${rolesOf(sql`admitted.id`)} as roles, ${roleVersion} as version from admitted`,
      account.id,
    ),
  );
  if (admitted === null) throw new Problem('invalid_credentials');
  if (stranger !== null) wakeDelivery(db);
  const tokens = await session.tokens(deps, admitted);
  return stranger === null ? tokens : { ...tokens, device_token: stranger.token };
}

/**
 * The `id` in the CTE `standing`, if everything that was proven still belongs to the account. The locks make this wait for a
 * change, a reset or a claim of the mailbox that is under way, and then look at what that left.
 */
export function withProofOf({ passwordSetAt, factorId, identity, mailbox }: FirstFactor): Fragment {
  const proofs = [
    passwordSetAt !== undefined &&
      passwordSetAt !== null && {
        join: sql`join passwords p on p.user_id = standing.id
          and date_trunc('milliseconds', p.changed_at) = ${passwordSetAt}::timestamptz`,
        lock: sql`for share of p`,
      },
    factorId !== undefined && {
      join: sql`join factors f on f.user_id = standing.id and f.id = ${factorId}::uuid`,
      lock: sql`for key share of f`,
    },
    identity !== undefined && {
      join: sql`join identities i on i.user_id = standing.id
        and i.issuer = ${identity.issuer}::text and i.subject = ${identity.subject}::text`,
      lock: sql`for key share of i`,
    },
  ].filter(proof => proof !== false);
  return sql`
    select standing.id from standing
    ${proofs.reduce((all, { join }) => sql`${all} ${join}`, sql``)}
    ${mailbox === undefined ? sql`` : sql`where standing.email = ${mailbox}::text`}
    ${proofs.reduce((all, { lock }) => sql`${all} ${lock}`, sql``)}`;
}
