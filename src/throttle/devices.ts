import type { Caller } from '../platform/caller.ts';
import type { Sql } from '../platform/database.ts';
import type { Deps } from '../platform/deps.ts';
import type { Secrets } from '../platform/secrets.ts';
import { uuidAt, uuidBytes } from '../platform/uuid.ts';
import { selectKnownDevice } from './queries.ts';

export {
  devicesOfUser,
  forgetDevice,
  forgetDevicesOf,
  hasNamed,
  knownAmong,
  newDeviceFragment,
  seenDeviceFragment,
} from './queries.ts';

/** A device that has logged in to an account before, as its cookie or `device_token` says. */
export interface DeviceClaim {
  readonly deviceId: string;
  readonly userId: string;
}

/** How long a browser keeps the cookie, in seconds. The row decides, and it may be removed earlier. */
export const DEVICE_COOKIE_AGE = 400 * 86_400;

const VERSION = 1;
const BODY_BYTES = 1 + 16 + 16;

/** A signed, per-account name of a device. It lets nobody in: it only says whose failures are counted apart. */
export function encodeDeviceToken(secrets: Secrets, { deviceId, userId }: DeviceClaim): string {
  const body = Buffer.alloc(BODY_BYTES);
  body[0] = VERSION;
  uuidBytes(deviceId).copy(body, 1);
  uuidBytes(userId).copy(body, 17);
  return Buffer.concat([body, secrets.mac('cookie', body)]).toString('base64url');
}

/** The claim of a device token, or null for anything that this service did not make. */
export function decodeDeviceToken(secrets: Secrets, token: string | null | undefined): DeviceClaim | null {
  if (token === null || token === undefined || token.length > 120) return null;
  const bytes = Buffer.from(token, 'base64url');
  const body = bytes.subarray(0, BODY_BYTES);
  if (bytes.length !== BODY_BYTES + 32 || body[0] !== VERSION) return null;
  if (!secrets.verifyMac('cookie', body, bytes.subarray(BODY_BYTES))) return null;
  return { deviceId: uuidAt(body, 1), userId: uuidAt(body, 17) };
}

/** The name that a device is listed under: its own `User-Agent`. */
export function deviceName({ userAgent }: Caller): string {
  return userAgent === '' ? 'Unknown device' : userAgent.slice(0, 200);
}

/** Of the devices that a request claims to be, the one that this account knows; null for none. */
export function findKnownDevice(
  database: Sql,
  userId: string,
  claims: readonly DeviceClaim[],
): Promise<string | null> {
  const ids = claims.filter(claim => claim.userId === userId).map(({ deviceId }) => deviceId);
  return ids.length === 0 ? Promise.resolve(null) : selectKnownDevice(database, userId, ids);
}

/** A new device's id, and the token that it is known by. */
export function newDevice({ random, secrets }: Deps, userId: string): { deviceId: string; token: string } {
  const deviceId = random.uuid();
  return { deviceId, token: encodeDeviceToken(secrets, { deviceId, userId }) };
}
