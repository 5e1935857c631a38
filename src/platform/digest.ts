import { type BinaryToTextEncoding, createHmac, hash } from 'node:crypto';

type Data = Buffer | string;

/** The SHA-256 of bytes, or of a text in UTF-8. */
export function sha256(data: Data): Buffer {
  return bytesOf(hash('sha256', data, 'binary'));
}

/** The bytes of a digest. Node makes an ArrayBuffer for each digest that it returns as bytes, which costs more than the hash. */
export function bytesOf(binary: string): Buffer {
  return Buffer.from(binary, 'binary');
}

/** An HMAC under one key, encoded as asked. */
export type Mac = (data: Data, encoding: BinaryToTextEncoding) => string;

const BLOCK_BYTES = { sha256: 64, sha384: 128, sha512: 128 } as const;
const DIGEST_BYTES = { sha256: 32, sha384: 48, sha512: 64 } as const;

/** The hash functions that an HMAC can be made with. */
export type Digest = keyof typeof BLOCK_BYTES;

// Access tokens with dozens of permissions have fewer than 2,048 characters. A text can have three bytes for each.
const BYTES_PER_CHARACTER = 3;
const SHORT = 2_048 * BYTES_PER_CHARACTER;

/**
 * HMAC under a key that is prepared once (RFC 2104 §2 and §4). Each call of `createHmac` makes an object outside the heap, which
 * costs three times as much as the two hashes of a short text.
 */
export function hmacWith(digest: Digest, key: Buffer): Mac {
  const block = BLOCK_BYTES[digest];
  const inner = Buffer.alloc(block + SHORT, 0x36);
  const outer = Buffer.alloc(block + DIGEST_BYTES[digest], 0x5c);
  const whole = key.length > block ? hash(digest, key, 'buffer') : key;
  for (const [index, byte] of whole.entries()) {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  }
  return (data, encoding) => {
    if (typeof data === 'string' ? data.length * BYTES_PER_CHARACTER > SHORT : data.length > SHORT)
      return createHmac(digest, key).update(data).digest(encoding);
    const length = typeof data === 'string' ? inner.write(data, block) : data.copy(inner, block);
    outer.write(hash(digest, inner.subarray(0, block + length), 'binary'), block, 'binary');
    return hash(digest, outer, encoding);
  };
}
