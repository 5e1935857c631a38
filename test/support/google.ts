import { type TestApp, testApp } from './app.ts';
import { type TestIssuer, testIssuer } from './issuer.ts';

export interface GoogleApp {
  readonly service: TestApp;
  readonly issuer: TestIssuer;
  /** `POST /signup/google` with this token. */
  signUp(token: string, more?: object): ReturnType<TestApp['call']>;
  close(): Promise<void>;
}

/** The service with an issuer in Google's place, which goes by the same clock. */
export async function googleApp(): Promise<GoogleApp> {
  let now = () => new Date('2026-11-23T12:00:00Z');
  const issuer = await testIssuer(() => now());
  const service = await testApp({
    google: { clientIds: ['client-1', 'client-2'], clientSecret: null, issuer: issuer.url },
  });
  now = () => service.deps.clock.now();
  return {
    service,
    issuer,
    signUp: (token, more = {}) => service.call('POST', '/signup/google', { body: { token, ...more } }),
    async close() {
      await service.close();
      await issuer.close();
    },
  };
}
