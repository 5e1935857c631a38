import { signInWithPasskey } from '../authentication/passkey.ts';
import type { KeysDeps } from '../keys/key-ring.ts';
import { addPasskey, beginPasskey } from '../mfa/add-passkey.ts';
import { removePasskey, renamePasskey } from '../mfa/passkeys.ts';
import { type App, callerOf } from '../platform/http/app.ts';
import { Problem } from '../platform/problems.ts';
import { readUuid } from '../platform/uuid.ts';
import { devicesOf } from '../throttle/device-cookie.ts';
import { personOf, replaceSession } from './browser-session.ts';
import { failureOf } from './failure.ts';
import { textOf } from './form.ts';
import { leadOn } from './message.ts';
import { assertionIn, creationIn } from './passkey-form.ts';
import { addPasskeyPage } from './passkey-pages.ts';
import { nextPage } from './paths.ts';
import { page, show } from './prepare.ts';
import { showSecurity } from './security.ts';
import { otherWays, signInPage } from './sign-in-page.ts';
import { viewOf } from './view.ts';

const PATH = '/account/security/passkeys';
const config = { ...page, limit: 'mfa' } as const;
const recent = { recent: true };

/** Passkeys: as a way in, as a second factor, as a fresh proof, and their own page. */
export function passkeyPages(app: App, deps: KeysDeps): void {
  waysIn(app, deps);

  app.get(PATH, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    try {
      const options = await beginPasskey(deps, principal);
      return show(reply, addPasskeyPage(view, principal, { options, failure: null }));
    } catch (error) {
      return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
    }
  });

  app.post(PATH, { config }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const principal = await personOf(deps, request, reply, recent);
    const name = textOf(request, 'name', 64);
    try {
      await addPasskey(deps, principal, { name, response: creationIn(request) });
    } catch (error) {
      const failure = failureOf(view.words, error, ['name']);
      const options = await beginPasskey(deps, principal);
      return show(reply, addPasskeyPage(view, principal, { options, name, failure }), failure);
    }
    return leadOn(deps, reply, '/account/security?done=passkey_added');
  });

  for (const act of ['rename', 'remove'] as const)
    app.post(`${PATH}/${act}`, { config }, async (request, reply) => {
      const view = viewOf(deps, request, reply);
      const principal = await personOf(deps, request, reply, recent);
      const id = readUuid(textOf(request, 'id', 64));
      try {
        if (id === null) throw new Problem('factor_not_found');
        if (act === 'rename') await renamePasskey(deps, principal, { id, name: textOf(request, 'name', 64) });
        else await removePasskey(deps, principal, id);
      } catch (error) {
        return showSecurity(deps, reply, view, { principal, failure: failureOf(view.words, error) });
      }
      const done = act === 'rename' ? 'passkey_renamed' : 'factor_removed';
      return leadOn(deps, reply, `/account/security?done=${done}`);
    });
}

function waysIn(app: App, deps: KeysDeps): void {
  app.post('/account/sign-in/passkey', { config: { ...page, limit: 'login' } }, async (request, reply) => {
    const view = viewOf(deps, request, reply);
    const next = nextPage(textOf(request, 'next'));
    try {
      const tokens = await signInWithPasskey(deps, callerOf(request), {
        response: assertionIn(request),
        devices: devicesOf(deps, request.headers.cookie),
      });
      await replaceSession(deps, request, reply, tokens);
    } catch (error) {
      const failure = failureOf(view.words, error);
      return show(reply, signInPage(view, { next, failure, ...otherWays(deps.config) }), failure);
    }
    return leadOn(deps, reply, next);
  });
}
