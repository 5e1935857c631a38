import { type Checkpoint, isSigned } from './checkpoint.ts';
import type { Finding } from './finding.ts';
import type { Link } from './verify-batch.ts';

/**
 * What checkpoints that were kept outside say against the trail as a whole: that its end, or its key, is not the one they knew.
 */
export function checkCheckpoints(
  checkpoints: readonly Checkpoint[],
  { publicKey, last, pruned }: { publicKey: string; last: number; pruned: Link | null },
): Finding[] {
  return checkpoints.flatMap((checkpoint): Finding[] => {
    const { batch, sealed_at, hash } = checkpoint;
    const from = `The checkpoint of ${sealed_at}`;
    if (!isSigned(checkpoint))
      return [
        { kind: 'checkpoint_invalid', batch, explanation: `${from} is not signed by the key it names` },
      ];
    if (checkpoint.public_key !== publicKey)
      return [{ kind: 'key_replaced', batch, explanation: `${from} was signed by another key` }];
    if (batch > last)
      return [
        {
          kind: 'trail_cut_off',
          batch: last + 1,
          explanation: `${from} knew batch ${batch}; the trail now ends with batch ${last}`,
        },
      ];
    if (pruned !== null && batch === pruned.number && hash !== pruned.hash.toString('hex'))
      return [
        { kind: 'trail_rewritten', batch, explanation: `${from} knew the pruned part by another hash` },
      ];
    return [];
  });
}

/** What the checkpoints say against one batch that is there. */
export function checkAgainst(checkpoints: readonly Checkpoint[], { number, hash }: Link): Finding[] {
  return checkpoints
    .filter(checkpoint => checkpoint.batch === number && checkpoint.hash !== hash.toString('hex'))
    .map(({ sealed_at }) => ({
      kind: 'trail_rewritten',
      batch: number,
      explanation: `The checkpoint of ${sealed_at} knew this batch by another hash`,
    }));
}
