import type { Deps } from '../platform/deps.ts';
import { DEVICE_COOKIE_AGE, type DeviceClaim, decodeDeviceToken } from './devices.ts';

const PREFIX = 'entrecore_device_';
// A browser that several people share sends a cookie for each of them. More would be as many forms of the statement of a login.
const MOST = 8;

/**
 * The devices that a request claims to be, by its `device_token` and its cookies; forged ones are left out. Of more than eight
 * those count that became known last, so whoever was left out is back after one login.
 */
export function devicesOf(
  { secrets }: Pick<Deps, 'secrets'>,
  cookies: string | undefined,
  token?: string | null,
): DeviceClaim[] {
  const sent = (cookies ?? '')
    .split(';')
    .map(pair => pair.trim())
    .filter(pair => pair.startsWith(PREFIX))
    .map(pair => decodeDeviceToken(secrets, pair.slice(pair.indexOf('=') + 1)))
    .filter(claim => claim !== null)
    // Ids grow with time. Browsers send in front what they have had for longest.
    .toSorted((one, other) => (one.deviceId < other.deviceId ? 1 : -1));
  const given = decodeDeviceToken(secrets, token);
  return [...(given === null ? [] : [given]), ...sent].slice(0, MOST);
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
