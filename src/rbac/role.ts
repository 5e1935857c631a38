import type { Static } from 'typebox';
import { Type } from '../platform/json-schema.ts';
import { invalid, Problem } from '../platform/problems.ts';

/** A role as its administrators see it. */
export const roleBody = Type.Object(
  {
    name: Type.String(),
    description: Type.String(),
    permissions: Type.Array(Type.String()),
    mfa_required: Type.Boolean({
      description: 'If true, the role permits nothing in a session that was not proven with a second factor.',
    }),
    built_in: Type.Boolean(),
  },
  { title: 'Role' },
);

export type RoleBody = Static<typeof roleBody>;

/** The form of a role's name, which stands in paths and tokens. */
export const ROLE_NAME = '^[a-z][a-z0-9_-]{0,62}$';
/** `resource:action`. */
export const PERMISSION_NAME = '^[a-z][a-z0-9_.-]{0,62}:[a-z][a-z0-9_.-]{0,62}$';

/** The name, if it may name a role. Refuses with 422 on `name`. */
export function roleName(text: string): string {
  if (!new RegExp(ROLE_NAME).test(text))
    throw invalid(
      'name',
      'string_pattern_mismatch',
      'Use lower-case letters, digits, - and _, and begin with a letter.',
    );
  return text;
}

/** The name, if it may name a permission. Refuses with 422 on `name`. */
export function permissionName(text: string): string {
  if (!new RegExp(PERMISSION_NAME).test(text))
    throw invalid('name', 'string_pattern_mismatch', 'Write the name as resource:action, in lower case.');
  return text;
}

/** Text for people: trimmed, after NFC. Refuses control characters with 422 on `description`. */
export function describe(text: string): string {
  const description = text.normalize('NFC').trim();
  if (/\p{Cc}/u.test(description))
    throw invalid('description', 'value_error', 'Leave out control characters.');
  return description;
}

/** A 422 that names which members of a list are unknown, by their place in it; their text is not echoed. */
export function unknownMembers(
  member: 'roles' | 'permissions',
  sent: readonly string[],
  known: readonly string[],
): Problem | null {
  const what = member === 'roles' ? 'role' : 'permission';
  const issues = sent.flatMap((name, index) =>
    known.includes(name)
      ? []
      : [{ type: 'value_error', loc: ['body', member, index], msg: `There is no such ${what}.` }],
  );
  return issues.length === 0 ? null : new Problem('validation_failed', { issues });
}
