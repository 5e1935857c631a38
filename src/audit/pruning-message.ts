import type { SigningKey } from './signing-key.ts';

interface Pruning {
  readonly eventsBefore: Date;
  readonly throughBatch: number;
  readonly throughHash: Buffer;
}

/** What the signature of a pruning covers: the time from which events are kept, and the last batch that was removed. */
export function pruningMessage({ eventsBefore, throughBatch, throughHash }: Pruning): string {
  return `entrecore-audit-pruning:${JSON.stringify([eventsBefore.toISOString(), throughBatch, throughHash.toString('hex')])}`;
}

/** Whether the key of the trail has signed the record of a pruning. */
export function isSignedPruning(pruning: Pruning & { readonly signature: Buffer }, key: SigningKey): boolean {
  return key.verify(pruningMessage(pruning), pruning.signature);
}
