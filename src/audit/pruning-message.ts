/** What the signature of a pruning covers: the time from which events are kept, and the last batch that was removed. */
export function pruningMessage(pruning: {
  eventsBefore: Date;
  throughBatch: number;
  throughHash: Buffer;
}): string {
  const { eventsBefore, throughBatch, throughHash } = pruning;
  return `entrecore-audit-pruning:${JSON.stringify([eventsBefore.toISOString(), throughBatch, throughHash.toString('hex')])}`;
}
