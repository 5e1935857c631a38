import type { Static } from 'typebox';
import { findAccountByAddress } from '../accounts/find.ts';
import { isSameAddress, normalizeEmail } from '../accounts/normalize.ts';
import { voidSent } from '../challenges/consume.ts';
import { issueChallenge, lockPurpose } from '../challenges/issue.ts';
import { enqueueMail } from '../delivery/enqueue.ts';
import { decodeCursor, type Page, pageOf, UUID } from '../platform/cursor.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import { decide, Refusal, recordDone } from '../rbac/decide.ts';
import { actorOf, type Granter } from '../rbac/granter.ts';
import { holdsAll, refuseGrant } from '../rbac/set-roles.ts';
import { findWaiting, type InvitationData, type InvitationRow, selectInvitations } from './queries.ts';

/** How long an invitation waits, in seconds. */
const INVITATION_LIFETIME = 7 * 86_400;

/** An invitation as administrators see it. */
export const invitationBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    email: Type.String(),
    roles: Type.Array(Type.String()),
    invited_by: Type.Object({
      kind: Type.Union([Type.Literal('user'), Type.Literal('client'), Type.Literal('operator')]),
      id: orNull(Type.String({ format: 'uuid' })),
    }),
    created_at: Type.String({ format: 'date-time' }),
    expires_at: Type.String({ format: 'date-time' }),
  },
  { title: 'Invitation' },
);

export type InvitationBody = Static<typeof invitationBody>;

/**
 * Mails an address an invitation with roles, in the inviter's name where there is one; an earlier invitation to that
 * address stops working. Refuses with `email_taken` where a verified account has the address or any account has one
 * that looks like it, `grant_exceeds_own`, `target_outranks_caller` where the earlier invitation gives more than the
 * caller holds, and 422 for a role that does not exist.
 */
export async function invite(
  deps: Deps,
  granter: Granter,
  { email, roles, name }: { email: string; roles: readonly string[]; name?: string | undefined },
): Promise<InvitationBody> {
  const { address, key } = normalizeEmail(email);
  const given = [...new Set(roles)].sort();
  const actor = actorOf(granter);
  const matter = {
    needs: 'users:write',
    lock: 'act',
    event: { type: 'invitation.sent', data: { roles: given } },
  } as const;
  return decide(deps, granter, matter, async (tx, held) => {
    const refused = await refuseGrant(tx, held, given);
    if (refused !== null) return refused;
    const owner = await findAccountByAddress(tx, address);
    const claimable =
      owner === null || (owner.email_verified_at === null && isSameAddress(owner.email, address));
    if (!claimable) return new Refusal('email_taken');
    // Inviters share the lock on the grants, so somebody else may have invited this address a moment ago.
    await lockPurpose(tx, 'invitation', key);
    const earlier = await findWaiting(tx, { sentTo: address, now: deps.clock.now() });
    const outranked = await refuseHigher(tx, held, earlier);
    if (outranked !== null) return outranked;
    await voidSent(deps, tx, { purpose: 'invitation', sentTo: address });
    const data: InvitationData = { roles: given, invited_by: actor };
    const { id, token, expiresAt } = await issueChallenge(deps, tx, {
      purpose: 'invitation',
      sentTo: address,
      data: { ...data },
      lifetime: INVITATION_LIFETIME,
    });
    await enqueueMail(deps, tx, {
      template: 'invitation',
      to: address,
      params: name === undefined ? {} : { invitedBy: name },
      secrets: { token },
      expiresAt,
    });
    await recordDone(deps, tx, granter, {
      type: 'invitation.sent',
      data: { invitation: id, roles: given },
      personal: { email: address },
    });
    return present({ id, email: address, data, created_at: deps.clock.now(), expires_at: expiresAt });
  });
}

/** The invitations that wait, the newest first. */
export async function listInvitations(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Page<InvitationBody>> {
  const [before = null] = decodeCursor(cursor, [UUID]) ?? [];
  const rows = await selectInvitations(db, { before, now: clock.now(), limit: limit + 1 });
  return pageOf(rows, limit, { keyOf: ({ id }) => [id], present });
}

/**
 * Withdraws an invitation: its link stops working. Refuses with `invitation_not_found`, and with
 * `target_outranks_caller` where it gives more than the caller holds.
 */
export async function revokeInvitation(deps: Deps, granter: Granter, id: string): Promise<void> {
  const matter = {
    needs: 'users:write',
    lock: 'act',
    event: { type: 'invitation.revoked', data: { invitation: id } },
  } as const;
  await decide(deps, granter, matter, async (tx, held) => {
    const found = await findWaiting(tx, { id, now: deps.clock.now() });
    const outranked = await refuseHigher(tx, held, found);
    if (outranked !== null) return outranked;
    // Of several withdrawals at once, only one succeeds.
    if ((await voidSent(deps, tx, { purpose: 'invitation', id })) === 0)
      return new Refusal('invitation_not_found');
    await recordDone(deps, tx, granter, {
      type: 'invitation.revoked',
      data: { invitation: id },
    });
    return null;
  });
}

// Whoever holds less than an invitation gives may neither withdraw nor replace it.
async function refuseHigher(
  tx: Tx,
  held: ReadonlySet<string>,
  invitations: readonly { roles: readonly string[] }[],
): Promise<Refusal | null> {
  const roles = invitations.flatMap(invitation => invitation.roles);
  if (await holdsAll(tx, held, roles)) return null;
  return new Refusal('target_outranks_caller', {
    message: 'The invitation gives a permission that you lack.',
  });
}

function present({ id, email, data, created_at, expires_at }: InvitationRow): InvitationBody {
  return {
    id,
    email,
    roles: [...data.roles],
    invited_by: { id: null, ...data.invited_by },
    created_at: created_at.toISOString(),
    expires_at: expires_at.toISOString(),
  };
}
