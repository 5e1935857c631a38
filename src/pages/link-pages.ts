import type { Purpose } from '../challenges/challenge.ts';
import { findChallenge } from '../challenges/consume.ts';
import type { LinkAction } from '../delivery/link.ts';
import { disownable, disownNotice } from '../notices/disown.ts';
import { removeByLink } from '../passwords/remove-by-link.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import type { RateGroup } from '../platform/rate-groups.ts';
import { undoEmailChange } from '../profile/undo-email-change.ts';
import { verifyEmail } from '../profile/verify-email.ts';
import type { Words } from './english.ts';

interface LinkWords {
  readonly title: string;
  readonly about: (address: string) => readonly [string, string, string];
  readonly consequences?: readonly string[];
  readonly submit: string;
  readonly doneTitle: string;
  readonly done: string;
}

/** A page that a mailed link opens: one button, which does what the mail said. */
export interface LinkPage {
  readonly action: LinkAction;
  readonly words: (links: Words['links']) => LinkWords;
  readonly danger?: boolean;
  /** The group of rate limits that the same action counts in at the API. */
  readonly limit: RateGroup;
  /** The address that the link is about; null where the link no longer works. Spends nothing. */
  readonly find: (deps: Deps, token: string) => Promise<string | null>;
  readonly act: (deps: Deps, caller: Caller, token: string) => Promise<unknown>;
}

/** Every mailed link that needs no more than a yes. */
export const linkPages: readonly LinkPage[] = [
  {
    action: 'verify-email',
    words: links => links.verifyEmail,
    limit: 'signup',
    find: (deps, token) => sentTo(deps, 'verify-email', token),
    act: verifyEmail,
  },
  {
    action: 'confirm-email',
    words: links => links.confirmEmail,
    limit: 'signup',
    find: (deps, token) => sentTo(deps, 'change-email', token),
    act: verifyEmail,
  },
  {
    action: 'undo-email-change',
    words: links => links.undoEmailChange,
    danger: true,
    limit: 'reset',
    find: (deps, token) => sentTo(deps, 'undo-email-change', token),
    act: undoEmailChange,
  },
  {
    action: 'remove-password',
    words: links => links.removePassword,
    danger: true,
    limit: 'reset',
    find: (deps, token) => sentTo(deps, 'remove-password', token),
    act: removeByLink,
  },
  {
    action: 'not-me',
    words: links => links.notMe,
    danger: true,
    limit: 'reset',
    find: disownable,
    act: disownNotice,
  },
];

/** The address that a link which still works was mailed to; else null. Spends nothing. */
export async function sentTo(deps: Deps, purpose: Purpose, token: unknown): Promise<string | null> {
  if (typeof token !== 'string') return null;
  return (await findChallenge(deps, deps.db, { purpose, token }))?.sentTo ?? null;
}
