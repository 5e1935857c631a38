-- find invitations by address
create index challenges_invitations_idx on challenges (lower(sent_to), expires_at) where purpose = 'invitation';
