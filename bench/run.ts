/**
 * Measures the service against its ceilings, in the same run. Options: `--quick` (short rounds, 1,000 and 20,000 users),
 * `--only name,name` (see MEASURES), `--on embedded|postgresql`, `--rounds`, `--seconds`, `--split` (see split.ts: who-am-i and writes alone),
 * `--output file`. BENCH_DATABASE_URL adds a PostgreSQL server beside the embedded one.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { inspect, parseArgs } from 'node:util';
import { measureBusy } from './busy.ts';
import { measureControls } from './controls.ts';
import { countStatements, measureFootprint } from './costs.ts';
import { embeddedPlace, type Place, placeAt } from './database.ts';
import { measureWhoAmI, measureWrites } from './fast.ts';
import { measureHashed } from './hashed.ts';
import { startGenerator } from './processes.ts';
import { type Finding, table } from './report.ts';
import { CORES, pin, pinPostgres } from './split.ts';
import { openWorld, type Populated, type World } from './world.ts';

type Measure = (world: World) => Promise<Finding[]>;
const MEASURES: Readonly<Record<string, Measure>> = {
  'who-am-i': measureWhoAmI,
  writes: measureWrites,
  hashed: measureHashed,
  busy: measureBusy,
  controls: measureControls,
  statements: countStatements,
  footprint: measureFootprint,
};

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    on: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    split: { type: 'boolean', default: false },
    output: { type: 'string' },
  },
});
const { split } = values;
const wanted = values.only?.split(',') ?? (split ? ['who-am-i', 'writes'] : Object.keys(MEASURES));
if (wanted.some(name => MEASURES[name] === undefined))
  throw new Error(`--only takes ${Object.keys(MEASURES).join(', ')}`);
const pace = {
  rounds: Number(values.rounds ?? (values.quick ? 3 : 4)),
  seconds: Number(values.seconds ?? (values.quick ? 2 : 3)),
};
const sizes = values.quick ? [1_000, 20_000] : [1_000, 1_000_000];

const places: (() => Promise<Place>)[] = [
  ...(values.on === 'postgresql' ? [] : [embeddedPlace]),
  ...(process.env.BENCH_DATABASE_URL === undefined || values.on === 'embedded'
    ? []
    : [() => placeAt('PostgreSQL', process.env.BENCH_DATABASE_URL as string)]),
];

const findings: Finding[] = [];
const versions: string[] = [];
const generator = startGenerator();
if (split) {
  // Whatever it starts as well: the services, and the ceilings that they are held against.
  await pin(process.pid, CORES.service);
  await pin(generator.pid, CORES.rest);
}
for (const open of places) {
  const place = await open();
  versions.push(`${place.name} ${place.version}`);
  try {
    const world = await openWorld(place, { pace, generator, sizes });
    const [{ url }] = world.populated as [Populated, ...Populated[]];
    let unpin: (() => Promise<void>) | undefined;
    try {
      if (split) unpin = await pinPostgres(url, CORES.rest);
      for (const name of wanted) {
        process.stderr.write(`${place.name}: ${name}\n`);
        // What the others measured in a quarter of an hour is not lost with it.
        const found = await (MEASURES[name] as Measure)(world).catch((error: unknown) => {
          process.stderr.write(`${place.name}: ${name} failed: ${inspect(error)}\n`);
          process.exitCode = 1;
          return [];
        });
        findings.push(...found);
      }
    } finally {
      await unpin?.();
      await world.close();
    }
  } finally {
    await place.close();
  }
}
generator.stop();

const missed = findings.filter(({ met }) => met === false).length;
const report = [
  `${new Date().toISOString().slice(0, 10)}, Node.js ${process.versions.node}, ${versions.join(', ')}; ${cpus().length} × ${cpus()[0]?.model}; load at the end ${loadavg()[0]?.toFixed(1)}; ${values.quick ? 'quick' : 'full'}${split ? ', split' : ''}, median of ${pace.rounds} rounds of ${pace.seconds} s`,
  '',
  table(findings),
  '',
  missed === 0 ? 'Every target is met.' : `${missed} of ${findings.length} targets are missed.`,
  '',
].join('\n');
process.stdout.write(report);
if (values.output !== undefined) writeFileSync(values.output, report);
