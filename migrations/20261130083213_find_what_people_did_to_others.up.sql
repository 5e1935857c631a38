-- find what people did to others
create index "audit_events_acts_idx" on "audit_events" ("actor_id", "created_at" DESC) where actor_kind = 'user' and actor_id is distinct from user_id;
