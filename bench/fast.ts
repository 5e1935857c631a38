import { COMMIT_ROWS, commitsBy, commitsPerSecond, insertCommitRows } from './ceilings.ts';
import { logout, refresh, request, whoAmI } from './people.ts';
import { againstFew, type Finding, percent, perSecond } from './report.ts';
import { interleave, partOf, type Rate } from './trial.ts';
import { LIVE, loaded, type Populated, type World } from './world.ts';

const CONNECTIONS = 16;
const WARM_UPS = 4;
// Enough for a round: a logout needs a session that has not ended.
const LOGOUTS_A_SECOND = 8_000;

// The 45 µs were set where Fastify with that select took 28 (the reference's machine): a machine that needs more for the one
// needs more for the other.
const CPU_TARGET = 45;
const CPU_OF_SELECT = 28;

const label = (users: number) => users.toLocaleString('en');
const sessions = Array.from({ length: LIVE }, (_, index) => index + 1);

/** `GET /users/me` against Fastify with one prepared select and the same bytes. */
export async function measureWhoAmI(world: World): Promise<Finding[]> {
  const own = (each: Populated) => `users ${each.users}`;
  const rates = await interleave(
    [
      loaded('select', world, world.bare, {
        connections: CONNECTIONS,
        requests: [request('GET', '/select')],
      }),
      ...world.populated.map(each =>
        loaded(own(each), world, each.service, {
          connections: CONNECTIONS,
          requests: sessions.map(session => whoAmI(session, each.users)),
        }),
      ),
      loaded('fastify', world, world.bare, { connections: CONNECTIONS, requests: [request('GET', '/bare')] }),
    ],
    world.pace.rounds,
    WARM_UPS,
  );
  const ceiling = rates.get('select') as Rate;
  const bare = rates.get('fastify') as Rate;
  const few = rates.get(own(world.populated[0] as Populated)) as Rate;
  const cpuTarget = CPU_TARGET * Math.max(1, ceiling.cpu / CPU_OF_SELECT);
  return world.populated.flatMap((each, index) => {
    const rate = rates.get(own(each)) as Rate;
    const finding = {
      database: world.place.name,
      operation: `GET /users/me, ${label(each.users)} users`,
      measured: spent(rate),
    };
    const part = partOf(ceiling, rate);
    return [
      {
        ...finding,
        ceiling: spent(ceiling),
        ratio: part,
        target: `≥ 75 %, ≤ ${cpuTarget.toFixed(0)} µs (${CPU_TARGET} where the select takes ${CPU_OF_SELECT})`,
        met: part >= 0.75 && rate.cpu <= cpuTarget,
        note: `bare Fastify: ${spent(bare)}`,
      },
      ...(index === 0 ? [] : [againstFew(finding, rate, few)]),
    ];
  });
}

/** `POST /refresh-token` and `POST /logout` against the commits of an update of one row. */
export async function measureWrites(world: World): Promise<Finding[]> {
  const [first] = world.populated as [Populated];
  const own = (what: string, each: Populated) => `${what} ${each.users}`;
  await insertCommitRows(first.url);
  const rates = await interleave(
    [
      {
        name: 'commits',
        round: async () => ({
          perSecond: await commitsPerSecond(first.url, CONNECTIONS, world.pace.seconds),
          cpu: Number.NaN,
        }),
      },
      loaded('update', world, world.bare, {
        connections: CONNECTIONS,
        requests: [request('GET', '/update')],
      }),
      ...world.populated.flatMap(each => [
        loaded(own('refresh', each), world, each.service, async () => ({
          connections: CONNECTIONS,
          // As many rows as the ceiling updates: a row that is written twice a millisecond is nobody's session.
          requests: (await each.freshSessions(COMMIT_ROWS)).map(refresh),
          chain: true,
        })),
        loaded(own('logout', each), world, each.service, async () => ({
          connections: CONNECTIONS,
          requests: (await each.freshSessions(LOGOUTS_A_SECOND * world.pace.seconds)).map(session =>
            logout(session, each.users),
          ),
          once: true,
        })),
      ]),
    ],
    world.pace.rounds,
    WARM_UPS,
  );
  const ceiling = rates.get('commits') as Rate;
  const bare = rates.get('update') as Rate;
  return ['refresh', 'logout'].flatMap(what =>
    world.populated.flatMap((each, index) => {
      const rate = rates.get(own(what, each)) as Rate;
      const share = what === 'refresh' ? 0.45 : 0.25;
      const part = partOf(ceiling, rate);
      const finding = {
        database: world.place.name,
        operation: `${what}, ${label(each.users)} users`,
        measured: spent(rate),
      };
      return [
        {
          ...finding,
          ceiling: perSecond(ceiling.perSecond),
          ratio: part,
          target: `≥ ${share * 100} %`,
          met: part >= share,
          note: `commits by ${commitsBy}; Fastify with one such update: ${spent(bare)} (${percent(partOf(ceiling, bare))})`,
        },
        ...(index === 0 ? [] : [againstFew(finding, rate, rates.get(own(what, first)) as Rate)]),
      ];
    }),
  );
}

const spent = (rate: Rate) => `${perSecond(rate.perSecond)}, ${rate.cpu.toFixed(0)} µs CPU`;
