import type { RevocationKind } from '../cache.ts';

/** Every key begins with this. The braces are a hash tag: in a cluster all keys are in one slot, so one MGET reads three. */
export const PREFIX = '{entrecore}';

export interface Keys {
  revoked(kind: RevocationKind, id: string): string;
  limit(key: string): string;
  channel(name: string): string;
  /** Exists once every live revocation has been written; a flush of Redis removes it as well. */
  readonly filled: string;
  /** Exists while a process writes them: a flush in the meantime removes it together with what was written so far. */
  filling(process: string): string;
  readonly probe: string;
}

/** The names of the keys (docs/redis.md). Other programs read them, so every change is a breaking one. */
export function keysUnder(prefix: string): Keys {
  return {
    revoked: (kind, id) => `${prefix}:revoked:${kind}:${id}`,
    limit: key => `${prefix}:limit:${key}`,
    channel: name => `${prefix}:channel:${name}`,
    filled: `${prefix}:revoked:filled`,
    filling: process => `${prefix}:filling:${process}`,
    probe: `${prefix}:probe`,
  };
}
