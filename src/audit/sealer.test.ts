import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configWith, type TestDeps, testDeps } from '../../test/support/deps.ts';
import { settle } from '../../test/support/settle.ts';
import { isSigned, publishCheckpoint, readCheckpoints } from './checkpoint.ts';
import { recordEvent, system } from './record.ts';
import { sealAll } from './seal.ts';
import { startSealer } from './sealer.ts';
import { verifyTrail } from './verify.ts';

let deps: TestDeps;
let folder: string;
beforeEach(async () => {
  deps = await testDeps();
  folder = mkdtempSync(join(tmpdir(), 'audit-'));
});
afterEach(async () => {
  await deps.close();
  rmSync(folder, { recursive: true });
});

const write = () =>
  recordEvent(deps, deps.db, { type: 'user.updated', outcome: 'success', actor: system, caller: null });

test('checkpoints go to the file and the webhook, signed', async () => {
  const received: string[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    let body = '';
    request
      .on('data', chunk => (body += chunk))
      .on('end', () => {
        received.push(body);
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const checkpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const checkpointFile = join(folder, 'checkpoints');
  const world = { ...deps, config: configWith({ audit: { checkpointFile, checkpointUrl } }) };
  try {
    expect(await publishCheckpoint(world)).toBeNull();
    await write();
    await settle(deps);
    await sealAll(deps);
    const checkpoint = await publishCheckpoint(world);
    const kept = readCheckpoints(readFileSync(checkpointFile, 'utf8'));
    expect(kept).toEqual([checkpoint]);
    expect(kept.map(isSigned)).toEqual([true]);
    expect(JSON.parse(received[0] as string)).toEqual(checkpoint);
    expect((await verifyTrail(deps, kept)).findings).toEqual([]);
    expect(statSync(checkpointFile).mode & 0o777).toBe(0o600);
    for (status of [500, 307]) {
      const before = received.length;
      await expect(publishCheckpoint(world)).rejects.toThrow('A checkpoint was not taken');
      // A redirect is followed nowhere.
      expect(received).toHaveLength(before + 1);
    }
  } finally {
    server.close();
  }
});

test('the background sealer seals, and on stop seals what is left and hands out a checkpoint', async () => {
  const checkpointFile = join(folder, 'checkpoints');
  const sealer = startSealer({ ...deps, config: configWith({ audit: { checkpointFile } }) });
  await write();
  await expect
    .poll(() => verifyTrail(deps), { timeout: 10_000 })
    .toMatchObject({ findings: [], events: 1, pending: 0 });
  await write();
  await settle(deps);
  await sealer.stop();
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], events: 2, pending: 0 });
  const [last] = readCheckpoints(readFileSync(checkpointFile, 'utf8')).toReversed();
  expect(last?.batch).toBe((await verifyTrail(deps)).batches);
});

test('a webhook that is down for minutes is tried each minute, and the file has the checkpoint once', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    request.resume().on('end', () => response.writeHead(503).end());
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const checkpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const checkpointFile = join(folder, 'checkpoints');
  await write();
  await settle(deps);
  await sealAll(deps);
  const sealer = startSealer({ ...deps, config: configWith({ audit: { checkpointFile, checkpointUrl } }) });
  try {
    for (let minute = 1; minute <= 2; minute++) {
      deps.clock.advance(60);
      await expect.poll(() => asked, { timeout: 10_000 }).toBe(minute);
    }
    await write();
    await settle(deps);
  } finally {
    await sealer.stop();
    server.close();
  }
  const batches = readCheckpoints(readFileSync(checkpointFile, 'utf8')).map(({ batch }) => batch);
  expect([asked, batches]).toEqual([3, [1, 2]]);
}, 30_000);

test('a clock that is put back keeps no checkpoint waiting for as long', async () => {
  const checkpointFile = join(folder, 'checkpoints');
  const sealer = startSealer({ ...deps, config: configWith({ audit: { checkpointFile } }) });
  try {
    await write();
    // Whoever has a transaction open anywhere on the server holds the seal back, as tests of locks beside this one do.
    await settle(deps);
    deps.clock.advance(-3600);
    await expect.poll(() => existsSync(checkpointFile), { timeout: 10_000 }).toBe(true);
  } finally {
    deps.clock.advance(3600);
    await sealer.stop();
  }
}, 60_000);

test('a clock that is years ahead drops nothing of the trail, which cannot be brought back, and the log says so', async () => {
  await write();
  await settle(deps);
  await sealAll(deps);
  const said: unknown[] = [];
  const log = { ...deps.log, warn: (about: { err: Error }) => said.push(about.err.message) };
  deps.clock.advance(3 * 365 * 86_400);
  const sealer = startSealer({
    ...deps,
    log: log as never,
    config: configWith({ audit: { retentionDays: 90 } }),
  });
  try {
    await expect
      .poll(() => said, { timeout: 10_000 })
      .toEqual([expect.stringContaining('No event is dropped')]);
  } finally {
    await sealer.stop();
  }
  expect(await verifyTrail(deps)).toMatchObject({ findings: [], events: 1, prunedBefore: null });
});
