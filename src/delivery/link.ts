import type { Config } from '../platform/config.ts';

/** The pages that links in mails open. None of them acts on a GET: a mail scanner that follows a link spends nothing. */
export type LinkAction =
  | 'verify-email'
  | 'reset-password'
  | 'confirm-email'
  | 'undo-email-change'
  | 'remove-password'
  | 'not-me'
  | 'sign-in'
  | 'invitation';

type LinkConfig = { readonly http: Pick<Config['http'], 'appUrl'> };

/** `${appUrl}/account/<action>?token=…`: a page of this service if APP_URL points to it. */
export function linkTo({ http }: LinkConfig, action: LinkAction, token: string): string {
  return `${http.appUrl}/account/${action}?token=${encodeURIComponent(token)}`;
}
