-- find invitations by address
drop index challenges_invitations_idx;
