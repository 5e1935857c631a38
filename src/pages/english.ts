import type { ProblemCode } from '../platform/problems.ts';
import { englishAccount } from './english-account.ts';
import { englishWaysIn } from './english-ways-in.ts';

/** Rounded up, so that whoever waits that long is not refused again. */
function wait(seconds: number): string {
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 1) return 'a minute';
  return minutes <= 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

const problems: Partial<Record<ProblemCode, string>> = {
  validation_failed: 'Please check what is marked below.',
  not_found: 'The address may be mistyped, or the page may have moved.',
  form_refused:
    'The page was open for too long, or somebody else has signed in since, or this browser blocks our cookies. Go back, reload the page and try again.',
  payload_too_large: 'That is more than this form takes. Go back, shorten it and send it again.',
  feature_disabled: 'This is switched off here.',
  overloaded: 'We have too much to do just now.',
  database_unavailable: 'We cannot do this just now.',
  provider_unavailable: 'The other service cannot be reached just now.',
  internal_error: 'Something went wrong on our side. Please try again in a moment.',
  sms_budget_spent: 'We cannot send more text messages to this number for now. Use another way, or wait.',
  factor_not_found: 'That is not set up, or no longer. Please start again.',
  phone_not_allowed: 'We cannot send text messages to this number.',
  email_taken: 'This address already has an account. Sign in instead.',
  address_taken: 'This address belongs to another account.',
  signup_not_found: 'This sign-up was started elsewhere, or too long ago. Please start again.',
  invalid_credentials: 'That name and password do not match an account.',
  invalid_mfa_token: 'This sign-in took too long, or too many codes were wrong. Please start again.',
  invalid_mfa_code: 'That code is wrong, or was used before.',
  passwords_differ: 'The two passwords differ.',
  wrong_password: 'That is not your current password.',
  too_many_attempts: 'Too many attempts. Choose a new password by mail, or wait.',
  rate_limited: 'That was too much at once.',
  invalid_sign_in:
    'This sign-in took too long, was already completed, or was begun in another browser. Please start it again.',
  invalid_sign_in_code: 'That code or link is wrong, was used before, or is too old.',
  passkey_refused: 'That passkey was not accepted. Try again, or sign in another way.',
  passkey_limit_reached: 'You have as many passkeys as an account can have. Remove one first.',
  email_not_verified:
    'Confirm your email address first, with the link in the mail that we sent you. If it is lost or too old, ask for a new password: that mail confirms the address, too.',
  invalid_reset_token: 'This link was used before, or is too old.',
  invalid_verification_token: 'This link was used before, or is too old.',
  invalid_link: 'This link was used before, or is too old.',
  invalid_authorization_code: 'That sign-in took too long, or was already completed. Please try again.',
  identity_taken: 'That account is already linked to somebody else here.',
  last_way_in: 'This is the only way into your account. Set a password first.',
  no_password: 'Your account has no password yet. Ask for a link to set one.',
  reauthentication_required: 'Please confirm that it is you.',
  factor_exists: 'This is already set up.',
  factor_required: 'Your role needs a second factor, and this is the last one.',
  last_administrator: 'You are the last administrator. Make somebody else one first.',
};

const issues: Record<string, string | ((bound: number) => string)> = {
  missing: 'Please fill this in.',
  string_too_short: least => (least <= 1 ? 'Please fill this in.' : `Use at least ${least} characters.`),
  string_too_long: most => `Use at most ${most} characters.`,
  passwords_differ: 'The two passwords differ.',
};

/** Everything that the pages say in English. */
export const english = {
  language: 'en',
  skip: 'Skip to the content',
  problems,
  issues,
  form: { optional: '(optional)', show: 'Show', hide: 'Hide' },
  strength: { scores: ['Very weak', 'Weak', 'Fair', 'Good', 'Strong'] },
  error: {
    title: 'That did not work',
    missing: 'There is nothing here',
    busy: 'One moment, please',
    wait: (seconds: number) => `Try again in ${wait(seconds)}.`,
    reference: 'If it keeps happening, tell us this reference:',
    home: 'Go to my account',
  },
  links: {
    gone: {
      title: 'This link no longer works',
      text: 'It was used before, was replaced by a newer one, or is too old. If you have just used it, all is well.',
      home: 'Go to my account',
      forgot: 'Ask for a new password link',
    },
    signIn: 'Sign in',
    verifyEmail: {
      title: 'Confirm your address',
      about: (address: string) => ['You are confirming that ', address, ' is your email address.'] as const,
      submit: 'Confirm my address',
      doneTitle: 'Your address is confirmed',
      done: 'Thank you. You can close this page, or continue to your account.',
    },
    confirmEmail: {
      title: 'Confirm your new address',
      about: (address: string) =>
        ['From now on, your account will use ', address, ' for mail and for signing in.'] as const,
      submit: 'Use this address',
      doneTitle: 'Your address was changed',
      done: 'We also wrote to your former address. The link there can undo the change for 72 hours.',
    },
    undoEmailChange: {
      title: 'Keep your former address',
      about: (address: string) => ['Your account goes back to ', address, '.'] as const,
      consequences: [
        'Every device is signed out.',
        'Passkeys and other sign-ins that were added after our mail, or in the 72 hours before it, are removed.',
        'Open links that were mailed for this account stop working.',
        'You get a mail to choose a new password.',
      ],
      submit: 'Undo the change',
      doneTitle: 'Your former address is back',
      done: 'Every device was signed out. Check that mailbox: a link to choose a new password is on its way.',
    },
    removePassword: {
      title: 'Remove the password',
      about: (address: string) =>
        ['The password of the account ', address, ' was set before you linked your other sign-in.'] as const,
      consequences: [
        'The password stops working at once.',
        'Every device is signed out. You sign in with your linked account from then on.',
      ],
      submit: 'Remove the password',
      doneTitle: 'The password was removed',
      done: 'Every device was signed out. Sign in with your linked account, or set a new password by mail.',
    },
    notMe: {
      title: 'Was this not you?',
      about: (address: string) =>
        [
          'We wrote to ',
          address,
          ' about something on your account. If it was not you, secure the account here.',
        ] as const,
      consequences: [
        'Every device is signed out and forgotten.',
        'A change of your address in the last 72 hours is undone.',
        'Passkeys and other sign-ins that were added after our mail, or in the 72 hours before it, are removed.',
        'Open links and half-finished sign-ins stop working.',
        'You get a mail to choose a new password. Authenticator app, phone and recovery codes stay as they are.',
      ],
      submit: 'It was not me, secure my account',
      doneTitle: 'Your account is secured',
      done: 'Every device was signed out. Choose a new password now, with the link that we mailed you: whoever knows the old one could still use it.',
    },
  },
  reset: {
    title: 'Choose a new password',
    about: 'For the account ',
    password: 'New password',
    confirm: 'Repeat the new password',
    submit: 'Save the password',
    note: 'Every device is signed out. A second factor is still asked for when you sign in.',
    doneTitle: 'Your password was changed',
    done: 'Every device was signed out. Sign in with the new password.',
  },
  ...englishAccount,
  ...englishWaysIn,
  signIn: {
    title: (brand: string) => `Sign in to ${brand}`,
    name: 'Email or username',
    password: 'Password',
    forgot: 'Forgot your password?',
    submit: 'Sign in',
    or: 'or',
    with: (provider: string) => `Continue with ${provider}`,
    providerFailed: 'The sign-in was not completed there. Please try again.',
    unsent: 'You were signed out meanwhile, so your request was not carried out. Sign in, and send it again.',
    stranger: 'New here?',
    signUp: 'Create an account',
  },
  secondFactor: {
    title: 'Confirm that it is you',
    submit: 'Continue',
    sent: 'A code is on its way to your phone. It is valid for ten minutes.',
    again: 'Start again',
    totp: {
      intro: 'Open your authenticator app and enter the code that it shows for this account.',
      label: 'Six-digit code',
      instead: 'Use the authenticator app',
    },
    sms: {
      intro: 'We text a code to your phone. It is valid for ten minutes.',
      label: 'Code from the text message',
      send: 'Text me a code',
      resend: 'Text me another code',
      instead: 'Get a text message',
    },
    recovery_code: {
      intro: 'Enter one of the recovery codes that you kept. Each works once.',
      label: 'Recovery code',
      instead: 'Use a recovery code',
    },
  },
  confirm: {
    title: 'Confirm that it is you',
    intro: 'For your safety, we ask again before sensitive changes.',
    unsent: 'Your request was not carried out yet. Confirm, and send it again.',
    submit: 'Confirm',
    withoutPassword: 'Your account has no password.',
    signInAgain: 'Sign out and in again',
    back: 'Back to the account',
  },
  forgot: {
    title: 'Forgot your password?',
    intro: 'Enter the address of your account. We will mail you a link to choose a new password.',
    email: 'Email',
    submit: 'Send the link',
    back: 'Back to signing in',
    sentTitle: 'Check your mail',
    sent: 'If the address has an account, a mail with a link is on its way. The link works for an hour. No mail? Check your spam folder, too.',
  },
  signUp: {
    title: 'Create your account',
    step: (step: number) => `Step ${step} of 2`,
    firstName: 'First name',
    lastName: 'Last name',
    email: 'Email',
    phone: 'Phone number',
    phoneHint: 'With the country code, such as +254\u00a0712\u00a0345\u00a0678.',
    next: 'Continue',
    with: (provider: string) => `Sign up with ${provider}`,
    known: 'Already have an account?',
    signIn: 'Sign in',
    passwordTitle: 'Choose a password',
    passwordFor: 'For the account ',
    password: 'Password',
    confirm: 'Repeat the password',
    submit: 'Create the account',
    passkey: 'Use a passkey instead',
    passkeyHint: 'No password to remember: your fingerprint, face or screen lock signs you in.',
    back: 'Back',
    sentTitle: 'Check your mail',
    sent: 'To finish, open the link in the mail that we have just sent you.',
  },
};

/** Everything that the pages say in one language. Adding one is another value of this type. */
export type Words = typeof english;
