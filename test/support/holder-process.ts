// A process that holds the embedded database until it is told on its standard input what to do; see
// src/platform/embedded/open.test.ts.
import { createInterface } from 'node:readline';
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
