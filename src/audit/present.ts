import type { Deps } from '../platform/deps.ts';
import { openerFor } from './personal-fields.ts';
import type { StoredEvent } from './read-queries.ts';

/** An event as a reader sees it. What was sealed is null where the person was erased. */
export interface EventBody {
  readonly id: string;
  readonly type: string;
  readonly created_at: string;
  readonly actor: { readonly kind: string; readonly id: string | null };
  readonly user_id: string | null;
  readonly session_id: string | null;
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly outcome: string;
  readonly reason: string | null;
  readonly data: Record<string, unknown>;
}

/** Opens the personal fields of events, with one query for all their keys. */
export async function presentEvents(deps: Deps, events: readonly StoredEvent[]): Promise<EventBody[]> {
  const people = events.flatMap(({ user_id, personal_sealed }) =>
    personal_sealed === null ? [] : [user_id],
  );
  const open = await openerFor(deps, people);
  return events.map(event => {
    const sealed = event.personal_sealed;
    const opened = sealed && open({ userId: event.user_id, eventId: event.id, sealed });
    const { ip, user_agent, ...personal } =
      opened === null ? {} : (JSON.parse(opened.toString()) as Record<string, unknown>);
    return {
      id: event.id,
      type: event.type,
      created_at: event.created_at.toISOString(),
      actor: { kind: event.actor_kind, id: event.actor_id },
      user_id: event.user_id,
      session_id: event.session_id,
      ip: typeof ip === 'string' ? ip : null,
      user_agent: typeof user_agent === 'string' ? user_agent : null,
      request_id: event.request_id,
      outcome: event.outcome,
      reason: event.reason,
      data: { ...(JSON.parse(event.data) as Record<string, unknown>), ...personal },
    };
  });
}
