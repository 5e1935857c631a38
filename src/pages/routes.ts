import type { KeysDeps } from '../keys/key-ring.ts';
import type { App } from '../platform/http/app.ts';
import { answerProblem } from '../platform/http/errors.ts';
import { Problem } from '../platform/problems.ts';
import { activityPages } from './activity.ts';
import { confirmPages } from './confirm.ts';
import { dataPages } from './data.ts';
import { factorPages } from './factors.ts';
import { forgotPasswordPages } from './forgot-password.ts';
import { invitationPages } from './invitation.ts';
import { mailSignInPages } from './mail-sign-in.ts';
import { mailedLinkPages } from './mailed-links.ts';
import { passkeyPages } from './passkeys.ts';
import { passwordPages } from './password.ts';
import { isVisitor, page, preparePages } from './prepare.ts';
import { profilePages } from './profile.ts';
import { providerPages } from './providers.ts';
import { resetPasswordPages } from './reset-password.ts';
import { secondFactorPages } from './second-factor.ts';
import { securityPages } from './security.ts';
import { assetPages } from './serve-assets.ts';
import { sessionPages } from './sessions.ts';
import { signInPages } from './sign-in.ts';
import { signUpPages } from './sign-up.ts';

/** The hosted pages under /account: the public API's verbs, with forms that work without scripts. */
export async function routes(app: App, deps: KeysDeps): Promise<void> {
  await preparePages(app, deps);
  assetPages(app, deps);
  mailedLinkPages(app, deps);
  resetPasswordPages(app, deps);
  signUpPages(app, deps);
  signInPages(app, deps);
  mailSignInPages(app, deps);
  invitationPages(app, deps);
  secondFactorPages(app, deps);
  providerPages(app, deps);
  forgotPasswordPages(app, deps);
  confirmPages(app, deps);
  profilePages(app, deps);
  passwordPages(app, deps);
  securityPages(app, deps);
  factorPages(app, deps);
  passkeyPages(app, deps);
  sessionPages(app, deps);
  activityPages(app, deps);
  dataPages(app, deps);
  app.get('/', { config: page }, async (request, reply) => {
    if (isVisitor(request)) return reply.redirect('/account', 303);
    return answerProblem(new Problem('not_found'), request, reply, deps.log);
  });
  // A mistyped or outdated address gets a page, too.
  app.get('/account/*', { config: page }, async () => {
    throw new Problem('not_found');
  });
}
