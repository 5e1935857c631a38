import type { Catalogue, MailText, Words } from './catalogue.ts';
import type { WaysLeft } from './messages.ts';
import { NOTICE_LIFETIME } from './notice.ts';

const FACTORS = { totp: 'authenticator app', sms: 'phone number for codes', passkey: 'passkey' } as const;

/** The mails that tell the owner what happened. Each says what to do if it was somebody else. */
export const englishNotices = {
  'password-changed': ({ left, notMeToken }, words) => ({
    subject: `Your ${words.brand} password was changed`,
    paragraphs: [
      `The password of your account was changed ${happened(words)} All other devices were signed out.`,
      ...stillOpen(left),
    ],
    ...advice(notMeToken),
  }),
  'password-removed': ({ notMeToken }, words) => ({
    subject: `Your ${words.brand} password was removed`,
    paragraphs: [`The password of your account was removed ${happened(words)} You sign in without it now.`],
    ...advice(notMeToken),
  }),
  'email-change-notice': ({ newEmail, token, notMeToken }, words) => ({
    subject: `The email address of your ${words.brand} account is being changed`,
    paragraphs: [
      `Somebody signed in to your account asked to change its address${to(newEmail)} ${happened(words)}`,
      'The change happens as soon as the new mailbox confirms it. If it was you, there is nothing to do here.',
    ],
    action: { label: 'Stop this change', page: 'undo-email-change', token },
    closing: [`If it was not you, stop the change within ${words.validFor}, then change your password.`],
    ...notMe(notMeToken),
  }),
  'email-changed': ({ newEmail, token, notMeToken }, words) => ({
    subject: `The email address of your ${words.brand} account was changed`,
    paragraphs: [
      `The address of your account was changed${to(newEmail)} ${happened(words)}`,
      'If it was you, there is nothing to do. This old address is no longer used.',
    ],
    action: { label: 'Undo this change', page: 'undo-email-change', token },
    closing: [
      `If it was not you, undo the change within ${words.validFor}: your account returns to this address.`,
    ],
    ...notMe(notMeToken),
  }),
  'new-device': ({ notMeToken }, words) => ({
    subject: `New sign-in to your ${words.brand} account`,
    paragraphs: [
      `Your account was used on a device that we have not seen before, ${happened(words)}`,
      'If it was you, there is nothing to do.',
    ],
    ...advice(notMeToken),
  }),
  'account-locked': ({ until, notMeToken }, words) => ({
    subject: `Sign-in to your ${words.brand} account is paused`,
    paragraphs: [
      `After too many wrong attempts, sign-in to your account is paused until ${words.date(until)}. A device that you have used before can still sign in.`,
      'If it was you, wait until then, or choose a new password, which lifts the pause at once.',
    ],
    ...advice(notMeToken),
  }),
  'refresh-token-theft': ({ notMeToken }, words) => ({
    subject: `We ended a session of your ${words.brand} account`,
    paragraphs: [
      `A key that keeps a device signed in was used a second time, ${happened(words)} Somebody may have copied it, so we ended that session. Sign in again on the device that you use.`,
    ],
    ...advice(notMeToken),
  }),
  'factor-added': ({ factor, notMeToken }, words) => ({
    subject: `A new way to confirm your sign-in at ${words.brand}`,
    paragraphs: [`Added to your account: ${FACTORS[factor]}, ${happened(words)}`],
    ...advice(notMeToken),
  }),
  'factor-removed': ({ factor, notMeToken }, words) => ({
    subject: `A way to confirm your sign-in at ${words.brand} was removed`,
    paragraphs: [`Removed from your account: ${FACTORS[factor]}, ${happened(words)}`],
    ...advice(notMeToken),
  }),
  'passkey-copied': ({ addedAt, notMeToken }, words) => ({
    subject: `We refused a passkey of your ${words.brand} account`,
    paragraphs: [
      `The passkey that was added on ${words.date(addedAt)} was used ${happened(words)} It counted fewer uses than we have seen. A copy of it would do that, so we let nobody in.`,
      'Remove this passkey under Security and add a new one. Until then it may be refused again.',
    ],
    ...advice(notMeToken),
  }),
  'recovery-codes-regenerated': ({ notMeToken }, words) => ({
    subject: `New recovery codes for your ${words.brand} account`,
    paragraphs: [
      `New recovery codes were made for your account ${happened(words)} The old ones no longer work.`,
    ],
    ...advice(notMeToken),
  }),
  'recovery-code-used': ({ left, notMeToken }, words) => ({
    subject: `A recovery code of your ${words.brand} account was used`,
    paragraphs: [
      `Somebody signed in to your account with a recovery code ${happened(words)} Codes left: ${left}.`,
    ],
    ...advice(notMeToken),
  }),
  'identity-linked': ({ provider, token, notMeToken }, words) => ({
    subject: `${provider} was linked to your ${words.brand} account`,
    paragraphs: [
      `You can now sign in to your account with ${provider}. It was linked ${happened(words)}`,
      ...(token === undefined
        ? []
        : [
            'Your account also has a password, and its sessions were ended. If you did not set that password yourself, remove it.',
          ]),
    ],
    ...(token !== undefined && { action: { label: 'Remove the password', page: 'remove-password', token } }),
    ...advice(notMeToken),
  }),
  'identity-unlinked': ({ provider, notMeToken }, words) => ({
    subject: `${provider} was unlinked from your ${words.brand} account`,
    paragraphs: [
      `Signing in with ${provider} no longer opens your account. It was unlinked ${happened(words)}`,
    ],
    ...advice(notMeToken),
  }),
  'mfa-removal-scheduled': ({ at, notMeToken }, words) => ({
    subject: `Your second factor at ${words.brand} will be removed`,
    paragraphs: [
      `An administrator was asked to remove the second factors from your account. This happens on ${words.date(at)}.`,
      'If you asked for it, wait until then and sign in with your password. If you sign in with a second factor or a passkey before, the removal is cancelled.',
    ],
    ...advice(notMeToken),
  }),
  'account-closed': (_told, words) => ({
    subject: `Your ${words.brand} account is closed`,
    paragraphs: [
      `Your account was closed ${happened({ ...words, from: null })} What was stored about you has been deleted, and every device is signed out.`,
    ],
    closing: ['If it was not you, write to the people who run this service.'],
  }),
} as const satisfies Partial<Catalogue['mails']>;

function to(newEmail: string | undefined): string {
  return newEmail === undefined ? '' : ` to ${newEmail}`;
}

// Whoever once had the account, or signed up for it before its owner did, may have left these behind.
function stillOpen({ passkeys, identities }: WaysLeft = { passkeys: 0, identities: 0 }): string[] {
  const ways = [...counted(passkeys, 'passkey'), ...counted(identities, 'linked provider')];
  if (ways.length === 0) return [];
  return [
    `Besides the password, your account still opens with ${ways.join(' and ')}. Look under Security whether you know them, and remove what you do not know.`,
  ];
}

const counted = (count: number, what: string) =>
  count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`];

function happened({ at, from }: Words): string {
  return from === null ? `on ${at}.` : `on ${at}, from ${from}.`;
}

function advice(notMeToken: string | undefined): Pick<MailText, 'closing' | 'notMe'> {
  return {
    closing: [
      notMeToken === undefined
        ? 'If it was not you, choose a new password now.'
        : `If it was not you, say so within ${NOTICE_LIFETIME / 3600} hours: we will sign everybody out and help you take the account back.`,
    ],
    ...notMe(notMeToken),
  };
}

function notMe(token: string | undefined): Pick<MailText, 'notMe'> {
  return token === undefined ? {} : { notMe: { label: 'This was not me', token } };
}
