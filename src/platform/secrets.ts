import { createCipheriv, createDecipheriv, hkdfSync, timingSafeEqual } from 'node:crypto';
import { bytesOf, hmacWith, type Mac } from './digest.ts';
import { systemRandom } from './random.ts';

const LABELS = ['refresh-token', 'cookie', 'challenge', 'lockout', 'notice'] as const;

/** What an authentication code is for. Each label has an unrelated key, so that one leak stays one leak. */
export type Label = (typeof LABELS)[number];

/** Everything that derives from AUTH_ROOT_SECRET: authentication codes and encryption at rest. */
export interface Secrets {
  /** HMAC-SHA-256 of `data` under the present root's key for `label`. */
  mac(label: Label, data: Buffer | string): Buffer;
  /** The same under every root of the ring, the present one first: for a comparison that SQL makes. */
  macs(label: Label, data: Buffer | string): Buffer[];
  /** True when `mac` was made for `data` under the present root or a previous one; takes constant time. */
  verifyMac(label: Label, data: Buffer | string, mac: Buffer): boolean;
  /** Encrypts and authenticates (AES-256-GCM). Opening needs the same `context`, so a sealed value cannot be moved. */
  seal(context: string, plaintext: Buffer | string): Buffer;
  /** The plaintext of a sealed value. Throws when no root of the ring opens it, or the context differs. */
  open(context: string, sealed: Buffer): Buffer;
  /** The ids that mark which root of the ring sealed a value, the present root's first; see `rootIdOf`. */
  readonly rootIds: readonly Buffer[];
}

const SEAL_VERSION = 1;
const ROOT_ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;

interface Root {
  readonly id: Buffer;
  readonly sealKey: Buffer;
  readonly macs: ReadonlyMap<Label, Mac>;
}

/** Derives every key from the root secrets (HKDF-SHA-256, RFC 5869); the first signs and seals, all verify and open. */
export function deriveSecrets(current: string, previous: readonly string[] = []): Secrets {
  const ring = [current, ...previous].map(deriveRoot);
  const [present] = ring as [Root, ...Root[]];
  const macWith = (root: Root, label: Label, data: Buffer | string) =>
    bytesOf((root.macs.get(label) as Mac)(data, 'binary'));

  return {
    mac: (label, data) => macWith(present, label, data),
    macs: (label, data) => ring.map(root => macWith(root, label, data)),
    verifyMac(label, data, mac) {
      let matches = false;
      for (const root of ring) {
        const expected = macWith(root, label, data);
        if (expected.length === mac.length && timingSafeEqual(expected, mac)) matches = true;
      }
      return matches;
    },
    seal(context, plaintext) {
      const iv = systemRandom.bytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', present.sealKey, iv);
      cipher.setAAD(Buffer.from(context));
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([Buffer.from([SEAL_VERSION]), present.id, iv, cipher.getAuthTag(), body]);
    },
    open(context, sealed) {
      const root = ring.find(candidate => candidate.id.equals(rootIdOf(sealed)));
      if (sealed[0] !== SEAL_VERSION || root === undefined) {
        throw new Error(
          'A stored secret was sealed under a root secret that is not configured. Add the old value to AUTH_ROOT_SECRET_PREVIOUS.',
        );
      }
      let at = 1 + ROOT_ID_BYTES;
      const iv = sealed.subarray(at, (at += IV_BYTES));
      const tag = sealed.subarray(at, (at += TAG_BYTES));
      const decipher = createDecipheriv('aes-256-gcm', root.sealKey, iv);
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(at)), decipher.final()]);
    },
    rootIds: ring.map(({ id }) => id),
  };
}

function deriveRoot(secret: string): Root {
  const derive = (info: string, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, 'entrecore-auth', info, length));
  return {
    id: derive('root-id', ROOT_ID_BYTES),
    sealKey: derive('key:seal', 32),
    macs: new Map(LABELS.map(label => [label, hmacWith('sha256', derive(`key:${label}`, 32))])),
  };
}

/** The bytes 1 to 4 of a sealed value: which root sealed it. */
function rootIdOf(sealed: Buffer): Buffer {
  return sealed.subarray(1, 1 + ROOT_ID_BYTES);
}
