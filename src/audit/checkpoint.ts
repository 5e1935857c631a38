import { verify } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Deps } from '../platform/deps.ts';
import { fetchFailure } from '../platform/fetch-failure.ts';
import { findLastBatch } from './batch-queries.ts';
import { openSigningKey, readPublicKey } from './signing-key.ts';

/** What the trail was at one moment, signed. Kept outside the database, it reveals a trail that was rewound. */
export interface Checkpoint {
  readonly version: 1;
  readonly issuer: string;
  readonly batch: number;
  /** Hex of the batch's hash. */
  readonly hash: string;
  readonly epoch: number;
  readonly to_transaction: string;
  readonly sealed_at: string;
  /** base64url of the Ed25519 public key. */
  readonly public_key: string;
  /** base64url, over the other members in this order as a JSON array. */
  readonly signature: string;
}

const WEBHOOK_MS = 5_000;

/** The signed checkpoint of the last batch; null before the first. */
export async function makeCheckpoint(deps: Deps): Promise<Checkpoint | null> {
  const last = await findLastBatch(deps.db);
  if (last === null) return null;
  const key = await openSigningKey(deps, deps.db);
  const unsigned = {
    version: 1,
    issuer: deps.config.http.publicUrl,
    batch: last.number,
    hash: last.hash.toString('hex'),
    epoch: last.epoch,
    to_transaction: last.toTransaction,
    sealed_at: last.createdAt.toISOString(),
    public_key: key.publicKey,
  } as const;
  return { ...unsigned, signature: key.sign(messageOf(unsigned)).toString('base64url') };
}

/** True when the checkpoint was signed by the key that it names. The caller checks whether that key is ours. */
export function isSigned(checkpoint: Checkpoint): boolean {
  try {
    const signature = Buffer.from(checkpoint.signature, 'base64url');
    return verify(null, Buffer.from(messageOf(checkpoint)), readPublicKey(checkpoint.public_key), signature);
  } catch {
    return false;
  }
}

/** What the file was given last, so that it is not given the same again where only the URL refused it. */
export interface LastLine {
  text: string | null;
}

/** Makes the checkpoint of the last batch, hands it out, and returns it; null if nothing is sealed yet. */
export async function publishCheckpoint(deps: Deps, last?: LastLine): Promise<Checkpoint | null> {
  const checkpoint = await makeCheckpoint(deps);
  if (checkpoint !== null) await handOut(deps, checkpoint, last);
  return checkpoint;
}

/**
 * Hands a checkpoint to the log, and to AUDIT_CHECKPOINT_FILE and AUDIT_CHECKPOINT_URL where they are set. Throws if the file
 * or the URL did not take it, and says which and why. A file whose `last` line it is gets it no second time.
 */
export async function handOut(
  { log, config }: Deps,
  checkpoint: Checkpoint,
  last: LastLine = { text: null },
): Promise<void> {
  log.info({ checkpoint }, 'audit checkpoint');
  const { checkpointFile, checkpointUrl } = config.audit;
  const text = JSON.stringify(checkpoint);
  const [file, url] = await Promise.allSettled([
    checkpointFile === null || last.text === text ? undefined : append(checkpointFile, text),
    checkpointUrl === null ? undefined : post(checkpointUrl, text),
  ]);
  if (file.status === 'fulfilled') last.text = text;
  const refusals = [
    ...(file.status === 'rejected' ? [`AUDIT_CHECKPOINT_FILE: ${file.reason.message}`] : []),
    ...(url.status === 'rejected' ? [`AUDIT_CHECKPOINT_URL: ${fetchFailure(url.reason)}`] : []),
  ];
  if (refusals.length > 0) throw new Error(`A checkpoint was not taken by ${refusals.join('; ')}`);
}

// A disk that fills up takes a part of the line. Left there, it would spoil the next line, and `readCheckpoints` refuses the
// whole file.
async function append(file: string, text: string): Promise<void> {
  await using handle = await open(file, 'a', 0o600);
  const { size } = await handle.stat();
  try {
    await handle.appendFile(`${text}\n`);
    await handle.sync();
  } catch (error) {
    await handle.truncate(size).catch(() => {});
    throw error;
  }
}

/**
 * Reads checkpoints from a file with one JSON object per line, or from the lines of a log that carry one in `checkpoint`.
 * Throws if there is none at all: it is not the file that was meant.
 */
export function readCheckpoints(text: string): Checkpoint[] {
  const checkpoints = text.split('\n').flatMap((line, index) => {
    // A starting service writes lines for people, too.
    if (!line.trimStart().startsWith('{')) return [];
    let parsed: Partial<Checkpoint> & { checkpoint?: Checkpoint };
    try {
      parsed = JSON.parse(line);
    } catch {
      throw new Error(`Line ${index + 1} of the checkpoints is not JSON`);
    }
    const checkpoint = parsed.checkpoint ?? parsed;
    return checkpoint.version === 1 && checkpoint.batch !== undefined ? [checkpoint as Checkpoint] : [];
  });
  if (checkpoints.length === 0) throw new Error('There is no checkpoint in it');
  return checkpoints;
}

function messageOf(checkpoint: Omit<Checkpoint, 'signature'>): string {
  const { version, issuer, batch, hash, epoch, to_transaction, sealed_at, public_key } = checkpoint;
  return `entrecore-audit-checkpoint:${JSON.stringify([version, issuer, batch, hash, epoch, to_transaction, sealed_at, public_key])}`;
}

async function post(url: string, body: string): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    redirect: 'error',
    signal: AbortSignal.timeout(WEBHOOK_MS),
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
}
