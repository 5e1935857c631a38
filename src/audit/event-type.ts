/**
 * Every type of event, with what it says (ASVS 16.2.1, 16.3). A new event is a new line here: the types that operators can
 * filter by and docs/events.md are made from it.
 */
export const eventTypes = {
  'login.succeeded': 'Somebody logged in; a session started',
  'login.failed': 'A wrong password, name or proof, or an account that may not log in',
  'login.refused':
    'An attempt that was not looked at, as there were too many; or a right proof that was not enough: the reason says why',
  'login.mailed': 'A link and a code to sign in with were asked for',
  'lockout.started': 'Too many failures: attempts on this account are refused for a while',
  'lockout.lifted': 'A lock ended early, by a reset',

  'session.reauthenticated': 'The person of a session proved again who they are',
  'session.ended': 'Logout, or an end by somebody else; the reason says which',
  'session.theft': 'An old refresh token came back: the session was ended',
  'token.issued': 'A service client got an access token',
  'token.revoked': 'A token was revoked by request',

  'signup.started': 'Step 1 of a sign-up',
  'signup.completed': 'An account was made by its owner; by a sign-in with a provider, the reason names it',
  'signup.failed': 'A sign-up that was refused',
  'email.verification_requested': 'A verification mail was asked for',
  'email.verified': 'The owner proved an address',
  'email.change_requested': 'Another address waits for its confirmation',
  'email.claimed': 'The first proof of an address by somebody else removed all that was set before it',
  'email.changed': 'The address was replaced',
  'email.change_undone': 'The former address was put back by its owner',

  'password.changed': 'Changed by its owner, who knew the old one',
  'password.reset_requested': 'A reset link was asked for',
  'password.reset': 'Set anew with a mailed link',
  'password.set': 'Set by the operator',
  'password.removed': 'Removed; the account logs in another way',
  'password.refused': 'A change or reset that was refused',
  'password.rehashed': 'The same password under a stronger hash',

  'mfa.challenged': 'A second factor was asked for',
  'mfa.failed': 'A wrong second factor',
  'mfa.enabled': 'A factor was added',
  'mfa.disabled': 'A factor was removed',
  'mfa.removal_requested': 'An administrator asked for the removal of a lost factor, which waits',
  'mfa.removal_cancelled':
    'The owner kept the factor, or whoever asked for its removal was not allowed to any more',
  'mfa.code_sent': 'A code went out by text message',
  'mfa.recovery_codes_made': 'New recovery codes; the old ones died',
  'mfa.recovery_code_used': 'A recovery code was spent',
  'passkey.added': 'A passkey was registered',
  'passkey.removed': 'A passkey was removed',
  'passkey.cloned': 'A signature counter went back: the passkey may have been copied',

  'identity.linked': "A provider's account was linked",
  'identity.unlinked': "A provider's account was unlinked",
  'identity.refused': "A provider's answer was refused",
  'device.added': 'A device became known',
  'device.removed': 'A known device was forgotten',
  'notice.disowned': 'The owner said of a notice: this was not me',

  'user.created': 'An account was made by an administrator or the operator',
  'user.updated': 'A profile was changed',
  'user.disabled': 'The account may not log in',
  'user.enabled': 'The account may log in again',
  'user.unlocked': 'An administrator lifted a lock',
  'user.exported': 'All that is stored of a person was handed out',
  'user.imported': 'An account came from another program',
  'user.deleted': 'The account and what belongs to it are gone',
  'user.logged_out': 'An administrator ended every session of a person',
  'users.imported': 'Accounts came from another program, in one run',
  'users.exported': 'Accounts were handed out, in one run',
  'invitation.sent': 'Somebody was invited',
  'invitation.accepted': 'An invitation became an account',
  'invitation.revoked': 'An invitation was withdrawn',

  'role.created': 'A role was made',
  'role.updated': 'A role was changed',
  'role.deleted': 'A role was removed',
  'role.granted': 'A person got a role',
  'role.revoked': 'A person lost a role',
  'permission.created': 'A permission was made',
  'permission.deleted': 'A permission was removed',
  'permission.denied': 'A caller lacked the permission of what it asked for',

  'client.created': 'A service client was made',
  'client.secret_rotated': 'A service client got another secret',
  'client.deleted': 'A service client was removed',
  'client.failed': 'A service client gave a wrong secret',

  'key.created': 'The first signing key, or the first of another ALGORITHM, was made',
  'key.rotated': 'Another key signs',
  'key.rewrapped': 'Stored secrets were sealed anew under the present root secret',

  'service.bootstrapped': 'The first administrator was made',

  'audit.exported': 'Events were handed out',
  'audit.pruned': 'Events past their retention were dropped',
  'audit.epoch_started': 'The database was restored into a cluster with lower transaction ids',
} as const;

export type EventType = keyof typeof eventTypes;
