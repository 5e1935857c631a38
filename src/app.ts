import { createRequire } from 'node:module';
import { routes as auditRoutes } from './admin/audit-routes.ts';
import { routes as clientRoutes } from './admin/client-routes.ts';
import { routes as explainRoutes } from './admin/explain-routes.ts';
import { routes as keyRoutes } from './admin/key-routes.ts';
import { routes as roleRoutes } from './admin/role-routes.ts';
import { routes as userRoutes } from './admin/user-routes.ts';
import { routes as passkeySignInRoutes } from './authentication/passkey-routes.ts';
import { routes as factorRoutes } from './authentication/routes.ts';
import { outboxReadings } from './delivery/readings.ts';
import { routes as mailboxRoutes } from './delivery/routes.ts';
import { routes as identityRoutes } from './federation/identity-routes.ts';
import { routes as redirectRoutes } from './federation/redirect-routes.ts';
import { routes as federationRoutes } from './federation/routes.ts';
import { routes as invitationRoutes } from './invitations/routes.ts';
import type { KeysDeps } from './keys/key-ring.ts';
import { routes as mailSignInRoutes } from './mail-sign-in/routes.ts';
import { routes as passkeyRoutes } from './mfa/passkey-routes.ts';
import { routes as mfaRoutes } from './mfa/routes.ts';
import { routes as oauthRoutes } from './oauth/routes.ts';
import { refuseVisitors } from './pages/prepare.ts';
import { routes as pageRoutes } from './pages/routes.ts';
import { routes as passwordRoutes } from './passwords/routes.ts';
import { routes as tokenRoutes } from './passwords/token-routes.ts';
import { type App, createHttp, type HttpOptions } from './platform/http/app.ts';
import { refuseUnreadBodies } from './platform/http/bodies.ts';
import { serveDocs } from './platform/http/docs.ts';
import { guardRoutes } from './platform/http/guard.ts';
import { measure } from './platform/http/metrics.ts';
import { collectRoutes } from './platform/http/openapi.ts';
import { routes as operationRoutes } from './platform/http/operations.ts';
import { routes as profileRoutes } from './profile/routes.ts';
import { authenticate } from './sessions/authenticate.ts';
import { type Principal, subjectOf, type TokenPrincipal } from './sessions/principal.ts';
import { routes as sessionRoutes } from './sessions/routes.ts';
import { routes as signupPasskeyRoutes } from './signup/passkey-routes.ts';
import { routes as signupRoutes } from './signup/routes.ts';
import { checkRate, limitAccount } from './throttle/rate-limits.ts';

/** Every route of the service, in the order of the documentation. */
const modules = [
  signupRoutes,
  signupPasskeyRoutes,
  federationRoutes,
  tokenRoutes,
  factorRoutes,
  passkeySignInRoutes,
  mailSignInRoutes,
  sessionRoutes,
  passwordRoutes,
  profileRoutes,
  async (app: App, deps: KeysDeps) => {
    refuseVisitors(app, deps);
    await redirectRoutes(app, deps);
  },
  identityRoutes,
  mfaRoutes,
  passkeyRoutes,
  oauthRoutes,
  userRoutes,
  invitationRoutes,
  roleRoutes,
  clientRoutes,
  keyRoutes,
  auditRoutes,
  explainRoutes,
  // The routes that the documentation shows last.
  operationRoutes,
  mailboxRoutes,
  pageRoutes,
];

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The service: its conventions, its guards and its routes, ready to listen or to be called in process. */
export async function createApp(
  deps: KeysDeps,
  options: Pick<HttpOptions, 'tls' | 'patience'> = {},
): Promise<App> {
  const app = createHttp({ ...deps, ...options });
  const metrics = measure(app, deps, [outboxReadings(deps)]);
  const declared = collectRoutes(app);
  refuseUnreadBodies(app);
  guardRoutes(app, {
    authenticate: (token, caller, needs) => authenticate(deps, token, caller, needs),
    checkRate: (group, caller) => checkRate(deps, group, caller),
    limitPrincipal: (group, principal, caller) =>
      limitAccount(deps, group, {
        ip: caller.ip,
        account: subjectOf(principal as Principal | TokenPrincipal),
      }),
  });
  metrics(app);
  serveDocs(app, declared, { publicUrl: deps.config.http.publicUrl, version });
  for (const routes of modules) await app.register(async scope => routes(scope as App, deps));
  return app;
}
