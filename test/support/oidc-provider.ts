import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { OidcProvider } from '../../src/platform/config.ts';

export interface RealProvider {
  readonly issuer: string;
  /** As OIDC_PROVIDERS would hold it. */
  readonly entry: OidcProvider;
  /** Signs in (or cancels) at the provider as a browser would; gives the address that it sends the browser back to. */
  signIn(location: string, login: string | null): Promise<URL>;
  /** Ends the process, and starts it on the same port with another key, another day. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** `oidc-provider`, certified by the OpenID Foundation, as a process of its own. */
export async function realProvider(...redirectUris: string[]): Promise<RealProvider> {
  let { child, issuer } = await start('0', redirectUris);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill();
    await ended;
  };
  return {
    issuer,
    entry: {
      id: 'acme',
      name: 'Acme',
      issuer,
      client_id: 'entrecore',
      client_secret: 'a secret of the test client',
    },
    signIn: (location, login) => walk(location, issuer, login),
    async restart() {
      await stop();
      ({ child, issuer } = await start(new URL(issuer).port, redirectUris));
    },
    stop,
  };
}

async function start(port: string, redirectUris: string[]): Promise<{ child: ChildProcess; issuer: string }> {
  const program = join(import.meta.dirname, 'oidc-provider-process.ts');
  const child = spawn(process.execPath, [program, port, ...redirectUris], {
    stdio: ['ignore', 'pipe', process.env.TEST_VERBOSE === undefined ? 'ignore' : 'inherit'],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  for await (const line of lines) if (line.startsWith('http')) return { child, issuer: line };
  throw new Error('The provider ended before it listened');
}

// A browser with cookies and without scripts.
async function walk(location: string, issuer: string, login: string | null): Promise<URL> {
  const jar = new Map<string, string>();
  let url = new URL(location);
  let form: URLSearchParams | null = null;
  for (let hops = 0; hops < 12; hops++) {
    if (url.origin !== issuer) return url;
    const answer: Response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(pair => pair.join('=')).join('; ') },
      ...(form !== null && { method: 'POST', body: form }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] as string).split(/=(.*)/s);
      jar.set(name, value);
    }
    const next = answer.headers.get('location');
    if (next !== null) {
      url = new URL(next, url);
      form = null;
    } else if (answer.ok && form === null) {
      form = new URLSearchParams(login === null ? { do: 'cancel' } : { login, do: 'sign-in' });
    } else {
      throw new Error(`The provider answered ${answer.status}: ${await answer.text()}`);
    }
  }
  throw new Error('The provider sends in circles');
}
