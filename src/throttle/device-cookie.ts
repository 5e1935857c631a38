import type { Deps } from '../platform/deps.ts';
import { DEVICE_COOKIE_AGE, type DeviceClaim, decodeDeviceToken } from './devices.ts';

const PREFIX = 'entrecore_device_';
// A browser that several people share sends a cookie for each of them.
const MOST = 8;

/** The devices that a request claims to be, by its cookies and its `device_token`; forged ones are left out. */
export function devicesOf(
  { secrets }: Pick<Deps, 'secrets'>,
  cookies: string | undefined,
  token: string | null | undefined,
): DeviceClaim[] {
  const sent = (cookies ?? '')
    .split(';')
    .map(pair => pair.trim())
    .filter(pair => pair.startsWith(PREFIX))
    .map(pair => pair.slice(pair.indexOf('=') + 1));
  return [token, ...sent]
    .slice(0, MOST)
    .map(text => decodeDeviceToken(secrets, text))
    .filter(claim => claim !== null);
}

/** Gives a device that has just become known its cookie: of this account only, and out of the reach of scripts. */
export function keepDevice(
  deps: Pick<Deps, 'secrets'>,
  reply: { header(name: string, value: string): unknown },
  { device_token: token }: { readonly device_token?: string },
): void {
  if (token !== undefined) reply.header('set-cookie', cookieOf(deps, token));
}

function cookieOf({ secrets }: Pick<Deps, 'secrets'>, token: string): string {
  const userId = decodeDeviceToken(secrets, token)?.userId ?? '';
  return `${PREFIX}${userId.slice(-12)}=${token}; Path=/; Max-Age=${DEVICE_COOKIE_AGE}; HttpOnly; SameSite=Lax`;
}
