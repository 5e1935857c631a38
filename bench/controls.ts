import { login, logout, whoAmI } from './people.ts';
import { type Server, startService } from './processes.ts';
import { type Finding, perSecond } from './report.ts';
import { interleave, partOf, type Rate, type Subject } from './trial.ts';
import { LIVE, loaded, type Populated, type World } from './world.ts';

const WARM_UPS = 3;
const LOGOUTS_A_SECOND = 6_000;

/** What the rate limiter and the audit trail cost a request: its rate as it is, against the same without one of them. */
export async function measureControls(world: World): Promise<Finding[]> {
  const [each] = world.populated as [Populated];
  const { url, users } = each;
  const settings = { PASSWORD_HASH: 'argon2id' };
  const services = {
    'as it is': await startService(url, settings),
    'without the limiter': await startService(url, { ...settings, RATE_LIMIT: 'off' }),
    'without the audit trail': await startService(url, settings, ['--import', './bench/without-audit.mjs']),
  };
  const findings: Finding[] = [];
  for (const [operation, subject] of operations(world, each)) {
    const rates = await interleave(
      Object.entries(services).map(([name, server]) => subject(name, server)),
      world.pace.rounds,
      operation === 'login, argon2id' ? 1 : WARM_UPS,
    );
    const whole = rates.get('as it is') as Rate;
    for (const [name, rate] of rates) {
      if (name === 'as it is') continue;
      findings.push({
        database: world.place.name,
        operation: `${operation}, ${name}`,
        measured: `${perSecond(whole.perSecond)}, ${whole.cpu.toFixed(0)} µs CPU`,
        ceiling: `${perSecond(rate.perSecond)}, ${rate.cpu.toFixed(0)} µs CPU`,
        ratio: partOf(rate, whole),
        target: 'said',
        note: `${users.toLocaleString('en')} users`,
      });
    }
  }
  await Promise.all(Object.values(services).map(service => service.stop()));
  return findings;
}

type Operation = [string, (name: string, server: Server) => Subject];

function operations(world: World, { users, freshSessions }: Populated): Operation[] {
  return [
    [
      'GET /users/me',
      (name, server) =>
        loaded(name, world, server, {
          connections: 16,
          requests: Array.from({ length: LIVE }, (_, n) => whoAmI(n + 1, users)),
        }),
    ],
    [
      'logout',
      (name, server) =>
        loaded(name, world, server, async () => ({
          connections: 16,
          requests: (await freshSessions(LOGOUTS_A_SECOND * world.pace.seconds)).map(session =>
            logout(session, users),
          ),
          once: true,
        })),
    ],
    [
      'login, argon2id',
      (name, server) =>
        loaded(name, world, server, {
          connections: 8,
          requests: Array.from({ length: 400 }, (_, n) => login(2 + 2 * (n % (users / 2 - 1)))),
        }),
    ],
  ];
}
