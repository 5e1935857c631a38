import type { Static } from 'typebox';
import type { Deps } from '../platform/deps.ts';
import { orNull, Type } from '../platform/json-schema.ts';
import { openerFor } from './personal-fields.ts';
import type { StoredEvent } from './read-queries.ts';

/** An event as a reader sees it. What was sealed is null where the person was erased. */
export const eventBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    type: Type.String({ examples: ['login.succeeded'] }),
    created_at: Type.String({ format: 'date-time' }),
    actor: Type.Object({
      kind: Type.Union([
        Type.Literal('user'),
        Type.Literal('client'),
        Type.Literal('operator'),
        Type.Literal('system'),
        Type.Literal('anonymous'),
      ]),
      id: orNull(Type.String({ format: 'uuid' })),
    }),
    user_id: orNull(Type.String({ format: 'uuid', description: 'The person whom the event concerns.' })),
    session_id: orNull(Type.String({ format: 'uuid' })),
    ip: orNull(Type.String({ description: 'Null once the person was erased.' })),
    user_agent: orNull(Type.String()),
    request_id: orNull(Type.String()),
    outcome: Type.Union([Type.Literal('success'), Type.Literal('failure'), Type.Literal('refusal')]),
    reason: orNull(Type.String({ examples: ['wrong_password'] })),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { title: 'AuditEvent' },
);

export type EventBody = Static<typeof eventBody>;

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
