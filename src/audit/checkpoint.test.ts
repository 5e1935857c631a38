import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SealedTrail, sealedTrail } from '../../test/support/sealed-trail.ts';
import { findNextBatch } from './batch-queries.ts';
import { hashBatch } from './canonical.ts';
import { type Checkpoint, makeCheckpoint, readCheckpoints } from './checkpoint.ts';
import { openSigningKey } from './signing-key.ts';
import { verifyTrail } from './verify.ts';
import { checkCheckpoints } from './verify-checkpoints.ts';

let { deps, ids, foundAfter } = {} as SealedTrail;
// It was kept outside.
let checkpoint: Checkpoint;
beforeAll(async () => {
  ({ deps, ids, foundAfter } = await sealedTrail());
  checkpoint = (await makeCheckpoint(deps)) as Checkpoint;
});
afterAll(() => deps.close());

const cutOff = () => `delete from audit_batches where number = 3;
  delete from audit_events where id in ('${ids[6]}', '${ids[7]}', '${ids[8]}')`;

test('a checkpoint agrees with the trail that it was made of', async () => {
  const line = JSON.stringify(checkpoint);
  const kept = readCheckpoints(`${line}\n{"msg":"audit checkpoint","checkpoint":${line}}\n{"msg":"x"}\n`);
  expect(kept).toEqual([checkpoint, checkpoint]);
  expect((await verifyTrail(deps, kept)).findings).toEqual([]);
});

test('checkpoints are found in a log as it was written, and no other file passes for one that holds them', () => {
  const line = JSON.stringify(checkpoint);
  const log = `> npm start\n{"msg":"x"}\n\n  Entrecore Auth listens on http://localhost:8000\n\n{"checkpoint":${line}}\n`;
  expect(readCheckpoints(log)).toEqual([checkpoint]);
  expect(() => readCheckpoints(`${log}${line.slice(0, 100)}`)).toThrow(
    'Line 7 of the checkpoints is not JSON',
  );
  for (const other of ['', '# A page\n', '{"msg":"x"}\n', 'null\n'])
    expect(() => readCheckpoints(other)).toThrow('There is no checkpoint in it');
});

test('a disk that fills up in the middle of a line leaves no part of it in the file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
  const file = join(folder, 'checkpoints');
  const module = new URL('./checkpoint.ts', import.meta.url).href;
  const script = `
    import { handOut } from ${JSON.stringify(module)};
    const deps = { log: { info() {} }, config: { audit: { checkpointFile: ${JSON.stringify(file)}, checkpointUrl: null } } };
    const checkpoint = ${JSON.stringify(checkpoint)};
    for (let batch = 1; batch <= 20; batch++)
      await handOut(deps, { ...checkpoint, batch }).catch(({ message }) => console.log(message));`;
  // One block, of 512 or 1024 bytes.
  const limited = ['-c', 'ulimit -f 1; exec "$@"', 'bash', process.execPath];
  const { stdout } = spawnSync('bash', [...limited, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(stdout).toContain('A checkpoint was not taken by AUDIT_CHECKPOINT_FILE: EFBIG');
  const text = readFileSync(file, 'utf8');
  expect(text.endsWith('}\n')).toBe(true);
  expect(readCheckpoints(text)[0]).toEqual({ ...checkpoint, batch: 1 });
  rmSync(folder, { recursive: true });
});

test('a checkpoint alone reveals that the end was cut off', async () => {
  expect(await foundAfter(cutOff())).toEqual([]);
  expect(await foundAfter(cutOff(), [checkpoint])).toEqual([{ kind: 'trail_cut_off', batch: 3 }]);
});

test('a checkpoint reveals another batch in the place of one', async () => {
  const key = await openSigningKey(deps, deps.db);
  const last = await findNextBatch(deps.db, 2);
  if (last === null) throw new Error('no batch');
  // By somebody who has the root secret too.
  const createdAt = new Date(last.createdAt.getTime() + 1000);
  const hash = hashBatch({ ...last, createdAt });
  const signature = key.sign(`entrecore-audit-batch:${hash.toString('hex')}`).toString('hex');
  const rewrite = `update audit_batches set created_at = '${createdAt.toISOString()}',
    hash = '\\x${hash.toString('hex')}', signature = '\\x${signature}' where number = 3`;
  expect(await foundAfter(rewrite)).toEqual([]);
  expect(await foundAfter(rewrite, [checkpoint])).toEqual([{ kind: 'trail_rewritten', batch: 3 }]);
});

test('a checkpoint is not believed when it was forged', async () => {
  expect(await foundAfter('select 1', [{ ...checkpoint, batch: 9 }])).toEqual([
    { kind: 'checkpoint_invalid', batch: 9 },
  ]);
});

test('a checkpoint reveals that the key was replaced', async () => {
  const findings = await foundAfter('delete from audit_signing_keys', [checkpoint]);
  expect(findings).toEqual([
    ...[1, 2, 3].map(batch => ({ kind: 'batch_changed', batch })),
    { kind: 'key_replaced', batch: 3 },
  ]);
});

test('a checkpoint of the last batch that retention dropped reveals another one in its place', () => {
  const { batch, hash, public_key: publicKey } = checkpoint;
  const against = (kept: string) => {
    const pruned = { number: batch, hash: Buffer.from(kept, 'hex') };
    return checkCheckpoints([checkpoint], { publicKey, last: batch + 1, pruned });
  };
  expect(against(hash)).toEqual([]);
  expect(against(hash.replace(/^../, hash.startsWith('00') ? '01' : '00'))).toMatchObject([
    { kind: 'trail_rewritten', batch },
  ]);
});
