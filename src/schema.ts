// The schema in code, whole: what `db revision --autogenerate` and `db check` compare with the revisions. Development
// only; nothing that serves may import it.
import { identifiers, users } from './accounts/schema.ts';
import { auditBatches, auditEvents, auditKeys, auditPrunings, auditSigningKeys } from './audit/schema.ts';
import { challenges } from './challenges/schema.ts';
import { clientPermissions, clients } from './clients/schema.ts';
import { outbox, smsBudgets } from './delivery/schema.ts';
import { identities } from './federation/schema.ts';
import { signingKeys } from './keys/schema.ts';
import { factorRemovals, factors, recoveryCodes } from './mfa/schema.ts';
import { passwordHistory, passwords } from './passwords/schema.ts';
import { serviceSecrets } from './platform/schema.ts';
import { permissions, rolePermissions, roles, roleVersions, userRoles } from './rbac/schema.ts';
import { revokedTokens, sessions } from './sessions/schema.ts';
import { knownDevices, lockouts } from './throttle/schema.ts';

/** Every table, by the order of the folders. */
export const entities = [
  serviceSecrets,
  auditKeys,
  auditEvents,
  auditBatches,
  auditPrunings,
  auditSigningKeys,
  outbox,
  smsBudgets,
  signingKeys,
  lockouts,
  knownDevices,
  challenges,
  users,
  identifiers,
  permissions,
  roles,
  rolePermissions,
  userRoles,
  roleVersions,
  clients,
  clientPermissions,
  sessions,
  revokedTokens,
  factors,
  recoveryCodes,
  factorRemovals,
  passwords,
  passwordHistory,
  identities,
];

/** Indexes and constraints that only hand-written SQL makes, since no entity can say them; autogenerate leaves them. */
export const handWritten: readonly string[] = [];
