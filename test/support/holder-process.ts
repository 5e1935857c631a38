// A process that holds the embedded database until it is told on its standard input what to do; see
// src/platform/embedded/open.test.ts.
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { openEmbedded } from '../../src/platform/embedded/open.ts';
import { openLog } from '../../src/platform/log.ts';

const dataDir = process.argv[2] as string;
const say = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

const began = performance.now();
const { url, connection, release } = await openEmbedded({ dataDir, log: openLog('silent') });
say({ event: 'open', url, took: performance.now() - began });

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'release') {
    await release();
    say({ event: 'released' });
    break;
  }
  if (line === 'write') void writeForever();
  if (line === 'exhaust') await holdEveryDescriptor();
}

/** Takes every descriptor that this process may have, for as long as the watch on the server takes to look several times. */
async function holdEveryDescriptor(): Promise<void> {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    // There is none left.
  }
  await sleep(1_500);
  for (const descriptor of taken) closeSync(descriptor);
  say({ event: 'freed' });
}

/** Commits rows one by one and says which were acknowledged. */
async function writeForever(): Promise<void> {
  const client = new pg.Client(connection);
  client.on('error', () => {});
  await client.connect();
  await client.query('create table if not exists acknowledged (n int primary key)');
  for (let n = 1; ; n++) {
    await client.query('insert into acknowledged values ($1)', [n]);
    say({ event: 'acknowledged', n });
  }
}
