-- find invitations and ended sessions
drop index "challenges_invitations_idx";
drop index "sessions_ended_at_idx";
