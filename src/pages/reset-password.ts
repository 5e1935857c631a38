import { resetPassword } from '../passwords/reset.ts';
import type { Deps } from '../platform/deps.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { isProblem } from '../platform/problems.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { donePage, gonePage } from './gone-page.ts';
import type { Html } from './html.ts';
import { sentTo } from './link-pages.ts';
import { page, show } from './prepare.ts';
import { resetPage } from './reset-page.ts';
import { type View, viewOf } from './view.ts';

const PATH = '/account/reset-password';
const FIELDS = ['new_password', 'confirm_new_password'];

/** Choosing a new password with a mailed link. Neither the GET nor a refused password spends the link. */
export function resetPasswordPages(app: App, deps: Deps): void {
  app.get(PATH, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { token } = request.query as { token?: unknown };
    const address = await sentTo(deps, 'reset-password', token);
    if (address === null) return show(reply, gonePage(view), 410);
    return show(reply, resetPage(view, { token: String(token), address, failure: null }));
  });

  app.post(PATH, { config: { ...page, limit: 'reset' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const token = textOf(request, 'token', 200);
    try {
      await resetPassword(deps, callerOf(request), {
        token,
        password: textOf(request, 'new_password', 4096),
        confirmation: textOf(request, 'confirm_new_password', 4096),
      });
    } catch (error) {
      const failure = failureOf(view.words, error, FIELDS);
      const address = isProblem(error, 'invalid_reset_token')
        ? null
        : await sentTo(deps, 'reset-password', token);
      if (address === null) return show(reply, gonePage(view), 410);
      return show(reply, resetPage(view, { token, address, failure }), failure);
    }
    return reply.redirect(`${PATH}/done`, 303);
  });

  app.get(`${PATH}/done`, { config: page }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const { doneTitle: title, done: text } = view.words.reset;
    const label = view.words.links.signIn;
    return show(reply, donePage(view, { title, text, label, href: '/account/sign-in' }));
  });
}

/**
 * The same form for somebody who proved a password that has expired, with the status to answer; null for any other
 * refusal.
 */
export async function expiredPasswordPage(
  deps: Deps,
  view: View,
  error: unknown,
): Promise<{ body: Html; status: number } | null> {
  if (!isProblem(error, 'password_expired')) return null;
  const token = String(error.members.reset_token);
  const failure = failureOf(view.words, error);
  const address = (await sentTo(deps, 'reset-password', token)) ?? '';
  return { body: resetPage(view, { token, address, failure }), status: failure.status };
}
