// The whole schema in code, which `db revision --autogenerate` and `db check` compare with the revisions. Development
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

/** Every table, in the order of the folders. */
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

/** Indexes and constraints that no entity can express, so that only hand-written SQL makes them; autogenerate leaves them. */
export const handWritten: readonly string[] = [];
