/** What is signed of a pruning: from when on events are kept, and the last batch that went with the others. */
export function pruningMessage(pruning: {
  eventsBefore: Date;
  throughBatch: number;
  throughHash: Buffer;
}): string {
  const { eventsBefore, throughBatch, throughHash } = pruning;
  return `entrecore-audit-pruning:${JSON.stringify([eventsBefore.toISOString(), throughBatch, throughHash.toString('hex')])}`;
}
