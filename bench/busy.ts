import { setTimeout as sleep } from 'node:timers/promises';
import { login, whoAmI } from './people.ts';
import { type Generator, type Server, startGenerator, startService } from './processes.ts';
import { type Finding, milliseconds } from './report.ts';
import { expectOnly } from './trial.ts';
import { LIVE, type World } from './world.ts';

const CHECKS_A_SECOND = 100;
const STORM = 64;
// More than HASH_QUEUE_MAX and what runs.
const FLOOD = 400;

/** How long `GET /users/me` takes while others log in, and what happens to more logins than may wait. Bcrypt, the default. */
export async function measureBusy(world: World): Promise<Finding[]> {
  const [{ url, users }] = world.populated as [World['populated'][0]];
  const seconds = Math.max(5, 2 * world.pace.seconds);
  const service = await startService(url, { PASSWORD_HASH: 'bcrypt' });
  const other = startGenerator();
  const logins = Array.from({ length: FLOOD }, (_, n) => login(2 * (n % (users / 2 - 1)) + 1));
  try {
    const check = (rate = CHECKS_A_SECOND) =>
      world.generator
        .run({
          port: service.port,
          connections: 1,
          seconds,
          rate,
          requests: Array.from({ length: LIVE }, (_, n) => whoAmI(n + 1, users)),
        })
        .then(outcome => expectOnly(200, outcome, '/users/me'));
    await check(1000);
    const idle = await best(world.pace.rounds, () => check());
    const storm = await best(world.pace.rounds, () =>
      during(other, service, { connections: STORM, requests: logins, seconds: seconds + 1 }, check),
    );

    const crowd = () =>
      other.run({ port: service.port, connections: FLOOD, seconds: 60, requests: logins, once: true });
    // The first one does not count: the compiler has not seen a refusal yet.
    await crowd();
    // Who asks is connected already: what a connection of its own waits for among 400 others is another matter.
    const { flooded, flood } = await best(world.pace.rounds, async () => {
      const checking = check();
      await sleep(500);
      const [flooded, flood] = await Promise.all([checking, crowd()]);
      return { p99: flooded.p99, flooded, flood };
    });
    const after = await check();
    const place = world.place.name;
    const refused = flood.statuses[503] ?? 0;
    const slowest = flood.slowest[503] ?? Number.NaN;
    return [
      {
        database: place,
        operation: `/users/me p99, open loop ${CHECKS_A_SECOND}/s, ${STORM} logins in flight`,
        measured: milliseconds(storm.p99),
        ceiling: `${milliseconds(idle.p99)} idle`,
        ratio: storm.p99 / idle.p99,
        target: '≤ 300 %, ≤ 15 ms',
        met: storm.p99 <= 15 && storm.p99 <= 3 * idle.p99,
        note: `p50 ${milliseconds(idle.p50)} idle, ${milliseconds(storm.p50)} then`,
      },
      {
        database: place,
        operation: `${FLOOD} logins at once, queue of 128`,
        measured: `${refused} times 503, the slowest after ${milliseconds(slowest)}`,
        target: '503 within 1 s',
        met: refused > 0 && slowest <= 1000 && refused + (flood.statuses[200] ?? 0) === FLOOD,
        note: `${flood.statuses[200] ?? 0} let in, the last after ${milliseconds(flood.slowest[200] ?? 0)}`,
      },
      {
        database: place,
        operation: '/users/me p99 during that, and right after',
        measured: `${milliseconds(flooded.p99)}, ${milliseconds(after.p99)}`,
        ceiling: `${milliseconds(idle.p99)} idle`,
        ratio: flooded.p99 / idle.p99,
        target: '≤ 15 ms',
        met: flooded.p99 <= 15 && after.p99 <= 15,
      },
    ];
  } finally {
    other.stop();
    await service.stop();
  }
}

async function during<T>(
  generator: Generator,
  { port }: Server,
  job: { connections: number; requests: readonly string[]; seconds: number },
  work: () => Promise<T>,
): Promise<T> {
  const load = generator.run({ ...job, port });
  await sleep(500);
  const result = await work();
  await load;
  return result;
}

async function best<T extends { p99: number }>(rounds: number, work: () => Promise<T>): Promise<T> {
  const all: T[] = [];
  for (let round = 0; round < rounds; round++) all.push(await work());
  return all.toSorted((a, b) => a.p99 - b.p99)[0] as T;
}
