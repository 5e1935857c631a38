import type { Catalogue } from './catalogue.ts';

/** The mails that somebody waits for: each carries the link or the code to go on with. */
export const englishLinks = {
  'verify-email': ({ token }, { brand, validFor }) => ({
    subject: `Confirm your email address for ${brand}`,
    paragraphs: [`Somebody, most likely you, used this address for an account at ${brand}.`],
    action: { label: 'Confirm my address', page: 'verify-email', token },
    closing: [
      `The link works once, within ${validFor}.`,
      'If it was not you, do nothing: without your confirmation the address is not trusted.',
    ],
  }),
  'email-taken': (_told, { brand }) => ({
    subject: `You already have an account at ${brand}`,
    paragraphs: [
      `Somebody, most likely you, tried to sign up at ${brand} with this address. It already has an account, so nothing was changed: just sign in.`,
      'Forgot your password? Ask for a new one on the sign-in page.',
    ],
    closing: ['If it was not you, do nothing: your account is as it was.'],
  }),
  'reset-password': ({ token }, { brand, validFor }) => ({
    subject: `Password reset for your ${brand} account`,
    paragraphs: [
      'Somebody, most likely you or an administrator, asked for a new password for your account. Choose it here.',
    ],
    action: { label: 'Choose a new password', page: 'reset-password', token },
    closing: [
      `The link works once, within ${validFor}. Choosing a new password signs you out everywhere.`,
      'If you did not expect this, do nothing: your account stays as it is. Never pass this link on.',
    ],
  }),
  'email-change-confirm': ({ token }, { brand, validFor }) => ({
    subject: `Confirm your new email address for ${brand}`,
    paragraphs: [`You asked to use this address for your account at ${brand}. Confirm that it is yours.`],
    action: { label: 'Confirm the new address', page: 'confirm-email', token },
    closing: [
      `The link works once, within ${validFor}. Until then your old address stays in use.`,
      'If it was not you, do nothing: the account will not use this address.',
    ],
  }),
  invitation: ({ token, invitedBy }, { brand, validFor }) => ({
    subject: `You are invited to ${brand}`,
    paragraphs: [
      invitedBy === undefined
        ? `You are invited to create an account at ${brand}.`
        : `${invitedBy} invites you to create an account at ${brand}.`,
    ],
    action: { label: 'Accept the invitation', page: 'invitation', token },
    closing: [
      `The link works once, within ${validFor}.`,
      'If you did not expect this, do nothing: no account is made without you.',
    ],
  }),
  'sign-in': ({ token, code }, { brand, validFor }) => ({
    subject: `${code} is your ${brand} sign-in code`,
    paragraphs: ['Enter this code where you are signing in, or open the link below in the same browser.'],
    code,
    action: { label: 'Sign in', page: 'sign-in', token },
    closing: [
      `It works once, within ${validFor}.`,
      'If it was not you, do nothing. Never give this code or link to anybody: we will never ask for it.',
    ],
  }),
} as const satisfies Partial<Catalogue['mails']>;
