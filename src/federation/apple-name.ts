import type { Deps } from '../platform/deps.ts';
import { textOf } from './identity.ts';

const CONTEXT = 'apple-name';
const LONGEST = 2000;

/**
 * The name that Apple posts once, with the first sign-in, sealed for the redirect from the form to `GET …/callback`: a
 * name in a URL would be written to the logs of everything on the way. Null where there is no name in it.
 */
export function sealName({ secrets }: Pick<Deps, 'secrets'>, user: string | undefined): string | null {
  if (user === undefined || user.length > LONGEST || nameIn(user) === null) return null;
  return secrets.seal(CONTEXT, user).toString('base64url');
}

/** What `sealName` sealed, as claims. */
export function openName(
  { secrets }: Pick<Deps, 'secrets'>,
  sealed: string | null,
): { given_name?: string; family_name?: string } {
  if (sealed === null) return {};
  try {
    return nameIn(secrets.open(CONTEXT, Buffer.from(sealed, 'base64url')).toString()) ?? {};
  } catch {
    return {};
  }
}

function nameIn(user: string): { given_name: string; family_name: string } | null {
  try {
    const { name } = JSON.parse(user) as { name?: { firstName?: unknown; lastName?: unknown } };
    return { given_name: textOf(name?.firstName), family_name: textOf(name?.lastName) };
  } catch {
    return null;
  }
}
