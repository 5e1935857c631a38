import type { LightMyRequestResponse } from 'fastify';
import { createApp } from '../../src/app.ts';
import { ensureTrailKeys } from '../../src/audit/personal-fields.ts';
import { type KeysDeps, openKeyRing } from '../../src/keys/key-ring.ts';
import type { App } from '../../src/platform/http/app.ts';
import { type TestDeps, testDeps } from './deps.ts';

export interface TestApp {
  readonly app: App;
  readonly deps: KeysDeps & TestDeps;
  /** Sends a request with a JSON body and, where given, a bearer token. */
  call(method: Method, url: string, options?: CallOptions): Promise<LightMyRequestResponse>;
  close(): Promise<void>;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ip?: string;
}

/** The whole service on a fresh database, called in process. */
export async function testApp(overrides: Parameters<typeof testDeps>[0] = {}): Promise<TestApp> {
  const world = await testDeps(overrides);
  const deps = { ...world, keys: await openKeyRing(world) };
  await ensureTrailKeys(deps);
  const app = await createApp(deps);
  await app.ready();
  return {
    app,
    deps,
    call: callOf(app),
    async close() {
      await app.close();
      await world.close();
    },
  };
}

/** What sends a request to an app in this process. */
export function callOf(app: App): TestApp['call'] {
  return (method, url, { token, body, form, headers, ip } = {}) =>
    app.inject({
      method,
      url,
      remoteAddress: ip ?? '127.0.0.1',
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form !== undefined && { payload: new URLSearchParams(form).toString() }),
      ...(body !== undefined && { payload: body as object }),
    });
}
