-- find what people did to others
drop index "audit_events_acts_idx";
