import { TOTP } from 'otpauth';
import type { TestApp } from './app.ts';

/** What an authenticator app shows now, or in so many seconds. */
export type Shown = (ahead?: number) => string;

/** Begins to set up an authenticator app for whoever the token speaks for. */
export async function beginTotp({ call, deps }: TestApp, token: string): Promise<Shown> {
  const { secret } = (await call('POST', '/mfa/totp', { token })).json();
  const totp = new TOTP({ secret });
  return (ahead = 0) => totp.generate({ timestamp: deps.clock.now().getTime() + ahead * 1000 });
}

/** Sets an authenticator app up; what it shows in this half minute is spent by that. */
export async function addTotp(
  world: TestApp,
  token: string,
): Promise<{ code: Shown; recoveryCodes: string[] }> {
  const code = await beginTotp(world, token);
  const confirmed = await world.call('POST', '/mfa/totp/confirm', { token, body: { code: code() } });
  if (confirmed.statusCode !== 200) throw new Error(confirmed.body);
  return { code, recoveryCodes: confirmed.json().recovery_codes };
}
