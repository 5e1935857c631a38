-- find invitations and ended sessions
create index "sessions_ended_at_idx" on "sessions" ("ended_at") where ended_at is not null;
create index challenges_invitations_idx on challenges (lower(sent_to), expires_at) where purpose = 'invitation';
