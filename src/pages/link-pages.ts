import { findAccountById } from '../accounts/find.ts';
import type { Purpose } from '../challenges/challenge.ts';
import { findChallenge } from '../challenges/consume.ts';
import type { LinkAction } from '../delivery/link.ts';
import { findNotice } from '../delivery/notice.ts';
import { disownNotice } from '../notices/disown.ts';
import { removeByLink } from '../passwords/remove-by-link.ts';
import type { Caller } from '../platform/caller.ts';
import type { Deps } from '../platform/deps.ts';
import type { RateGroup } from '../platform/rate-groups.ts';
import { undoEmailChange } from '../profile/undo-email-change.ts';
import { verifyEmail } from '../profile/verify-email.ts';
import type { Words } from './words.ts';

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
    find: sentTo('verify-email'),
    act: verifyEmail,
  },
  {
    action: 'confirm-email',
    words: links => links.confirmEmail,
    limit: 'signup',
    find: sentTo('change-email'),
    act: verifyEmail,
  },
  {
    action: 'undo-email-change',
    words: links => links.undoEmailChange,
    danger: true,
    limit: 'reset',
    find: sentTo('undo-email-change'),
    act: undoEmailChange,
  },
  {
    action: 'remove-password',
    words: links => links.removePassword,
    danger: true,
    limit: 'reset',
    find: sentTo('remove-password'),
    act: removeByLink,
  },
  {
    action: 'not-me',
    words: links => links.notMe,
    danger: true,
    limit: 'reset',
    find: async (deps, token) => {
      const notice = await findNotice(deps, deps.db, token);
      if (notice === null || (await findAccountById(deps.db, notice.userId)) === null) return null;
      return notice.sentTo;
    },
    act: disownNotice,
  },
];

function sentTo(purpose: Purpose): LinkPage['find'] {
  return async (deps, token) => (await findChallenge(deps, deps.db, { purpose, token }))?.sentTo ?? null;
}
