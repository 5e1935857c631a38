/**
 * Every type of event, with what it says (ASVS 16.2.1, 16.3). This list is the source of the types that operators can filter by
 * and of docs/events.md: a new event is a new line here.
 */
export const eventTypes = {
  'login.succeeded': 'Somebody logged in; a session started',
  'login.failed': 'A login failed: a wrong password, name or proof, or an account that may not log in',
  'login.refused':
    'An attempt was not checked because there were too many, or a right proof was not enough; the reason says which',
  'login.mailed': 'Somebody asked for a link and a code to sign in with',
  'lockout.started': 'Too many failures: attempts on this account are refused for a while',
  'lockout.lifted':
    'The owner, by proving the mailbox, or the operator ended a lock early; the reason says how',

  'session.reauthenticated': 'The owner of a session proved again who they are',
  'session.ended':
    'A session was ended; the reason says by what: a logout, a new password, an administrator, …',
  'session.theft': 'An old refresh token was used again, and its session was ended',
  'token.issued': 'A service client got an access token',
  'token.revoked': 'A token was revoked on request',

  'signup.started': 'Somebody completed step 1 of a sign-up',
  'signup.completed':
    'Somebody made an account for themselves; if by a sign-in with a provider, the reason names it',
  'signup.failed': 'A sign-up was refused',
  'email.verification_requested': 'Somebody asked for a verification mail',
  'email.verified': 'The owner proved an address',
  'email.change_requested': 'A new address waits for its confirmation',
  'email.claimed': 'Somebody else proved the address first, which removed everything that was set before',
  'email.changed': 'The address was replaced',
  'email.change_undone': 'The former address was put back by its owner',

  'password.changed': 'The owner, who knew the old password, changed it',
  'password.reset_requested': 'Somebody asked for a reset link',
  'password.reset': 'A new password was set with a mailed link',
  'password.set': 'The operator set a password',
  'password.removed': 'The password was removed; the account logs in another way',
  'password.refused': 'A change or reset of the password was refused',
  'password.rehashed': 'The same password was hashed anew, with the present kind and cost',

  'mfa.challenged': 'A second factor was asked for',
  'mfa.failed': 'A second factor was wrong',
  'mfa.enabled': 'A factor was added',
  'mfa.disabled': 'A factor was removed',
  'mfa.removal_requested': 'An administrator asked for the removal of lost factors, which waits',
  'mfa.removal_cancelled':
    'The owner kept the factors, or whoever asked for their removal was no longer allowed to',
  'mfa.code_sent': 'A code was sent by text message',
  'mfa.recovery_codes_made': 'New recovery codes were made; the old ones stopped working',
  'mfa.recovery_code_used': 'A recovery code was used',
  'passkey.added': 'A passkey was registered',
  'passkey.removed': 'A passkey was removed',
  'passkey.cloned': 'A signature counter went back: the passkey may have been copied',

  'identity.linked': "A provider's account was linked",
  'identity.unlinked': "A provider's account was unlinked",
  'identity.refused': "A provider's answer was refused",
  'device.added': 'A device became known',
  'device.removed': 'A known device was forgotten',
  'notice.disowned': 'The owner answered a notice with "This was not me"',

  'user.created': 'An account was made by an administrator or the operator',
  'user.updated': 'A profile was changed',
  'user.disabled': 'The account may no longer log in',
  'user.enabled': 'The account may log in again',
  'user.unlocked': 'An administrator lifted a lock',
  'user.exported': 'Everything that is stored about a person was exported',
  'user.imported': 'An account was imported from another program',
  'user.deleted': 'The account and everything that belongs to it were removed',
  'user.logged_out': 'An administrator or the operator ended every session of a person',
  'users.imported': 'One run imported accounts from another program',
  'users.exported': 'One run exported accounts',
  'invitation.sent': 'Somebody was invited',
  'invitation.accepted': 'An invitation was accepted, and its account made',
  'invitation.revoked': 'An invitation was withdrawn',

  'role.created': 'A role was made',
  'role.updated': 'A role was changed',
  'role.deleted': 'A role was removed',
  'role.granted': 'A person was given a role',
  'role.revoked': 'A person lost a role',
  'permission.created': 'A permission was made',
  'permission.deleted': 'A permission was removed',
  'permission.denied': 'A caller lacked a permission that its request needed',

  'client.created': 'A service client was made',
  'client.secret_rotated': 'A service client got a new secret',
  'client.deleted': 'A service client was removed',
  'client.failed': 'A service client sent a wrong secret',

  'key.created': 'The first signing key, or the first of another ALGORITHM, was made',
  'key.rotated': 'A successor of the signing key was made',
  'key.rewrapped': 'Stored secrets were encrypted anew under the present root secret',

  'service.bootstrapped': 'The first administrator was made',

  'audit.exported': 'Events were exported',
  'audit.pruned': 'Events past their retention were dropped',
  'audit.epoch_started': 'The database was restored into a cluster with lower transaction ids',
} as const;

export type EventType = keyof typeof eventTypes;
