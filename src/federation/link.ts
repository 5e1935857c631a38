import { toldName } from '../accounts/told-name.ts';
import { recordEvent } from '../audit/record.ts';
import { issueChallenge } from '../challenges/issue.ts';
import { enqueueMail, whereOf } from '../delivery/enqueue.ts';
import type { Tx } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import { Problem, type ProblemCode } from '../platform/problems.ts';
import { actorOf } from '../rbac/granter.ts';
import { lockOwnAccount } from '../sessions/own-account.ts';
import type { UserPrincipal } from '../sessions/principal.ts';
import { type Authorization, refuseForeignRedirect } from './authorize.ts';
import { type IdentityBody, identityId, listIdentities } from './identities.ts';
import type { ProvenIdentity } from './identity.ts';
import { findRedirectProvider, providerName } from './provider.ts';
import { insertIdentity, ownerOfIdentity } from './queries.ts';
import { type CodeProof, redeemCode } from './redeem-code.ts';

const TICKET_LIFETIME = 300;

/**
 * Begins to link a provider to the caller's account: returns the address to send the browser to, which works once,
 * within five minutes. Refuses as `findRedirectProvider` does, and with `redirect_not_allowed`.
 */
export async function beginLink(
  deps: Deps,
  { userId }: UserPrincipal,
  providerId: string,
  { redirectUri, codeChallenge, clientState }: Omit<Authorization, 'linkTicket'>,
): Promise<{ authorize_url: string; expires_at: string }> {
  const { config, db } = deps;
  findRedirectProvider(config, providerId);
  refuseForeignRedirect(deps, redirectUri);
  const { token, expiresAt } = await issueChallenge(deps, db, {
    purpose: 'link-identity',
    userId,
    data: { provider: providerId },
    lifetime: TICKET_LIFETIME,
  });
  const query = new URLSearchParams({
    redirect_uri: redirectUri,
    code_challenge: codeChallenge,
    link_ticket: token,
    ...(clientState !== null && { state: clientState }),
  });
  return {
    authorize_url: `${config.http.publicUrl}/oauth/${providerId}/authorize?${query.toString()}`,
    expires_at: expiresAt.toISOString(),
  };
}

/**
 * Links the identity that a one-time code stands for. Only the person who asked can finish it, with the verifier of the
 * client that began it: luring somebody else's browser into the flow links nothing. Refuses with
 * `invalid_authorization_code` and `identity_taken`; an identity that the person has linked already stays linked.
 */
export async function finishLink(
  deps: Deps,
  principal: UserPrincipal,
  proof: CodeProof,
): Promise<IdentityBody> {
  const { identity, userId } = await redeemCode(deps, proof);
  if (userId !== principal.userId) throw new Problem('invalid_authorization_code');
  const refusal = await deps.db.transaction(tx => tie(deps, tx, principal, identity));
  if (refusal !== null) throw new Problem(refusal);
  const id = identityId(identity);
  return (await listIdentities(deps, principal)).find(body => body.id === id) as IdentityBody;
}

async function tie(
  deps: Deps,
  tx: Tx,
  principal: UserPrincipal,
  identity: ProvenIdentity,
): Promise<ProblemCode | null> {
  const { userId, sessionId, caller } = principal;
  const { clock, config } = deps;
  const account = await lockOwnAccount(tx, principal);
  if (account === null) return 'token_revoked';
  const written = { actor: actorOf(principal), userId, sessionId, caller } as const;
  if (!(await insertIdentity(tx, { ...identity, userId, now: clock.now() }))) {
    if ((await ownerOfIdentity(tx, identity)) === userId) return null;
    const refused = { type: 'identity.refused', outcome: 'refusal', reason: 'identity_taken' } as const;
    await recordEvent(deps, tx, { ...refused, ...written, data: { provider: identity.provider } });
    return 'identity_taken';
  }
  const linked = { type: 'identity.linked', outcome: 'success', reason: identity.provider } as const;
  await recordEvent(deps, tx, { ...linked, ...written });
  await enqueueMail(deps, tx, {
    template: 'identity-linked',
    to: account.email,
    userId,
    params: {
      ...toldName(account),
      provider: providerName(config, identity.provider),
      ...whereOf(caller, clock.now()),
    },
  });
  return null;
}
