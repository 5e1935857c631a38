import { availableParallelism } from 'node:os';
import { hashesPerSecond } from './ceilings.ts';
import { login, PASSWORD, request } from './people.ts';
import { type Server, startService } from './processes.ts';
import { againstFew, type Finding, perSecond } from './report.ts';
import { interleave, partOf, type Rate, type Subject } from './trial.ts';
import { loaded, type Populated, type World } from './world.ts';

// With argon2id as few at once as the reference had, and as many as a busy service has; and as many rounds before it counts
// as make the compiler see a thousand logins or more. Of bcrypt the hash is nearly all, whatever surrounds it.
const LOADS = [
  { algorithm: 'argon2id', share: 0.85, odd: 0, connections: 8, warmUps: 5 },
  { algorithm: 'argon2id', share: 0.85, odd: 0, connections: 32, warmUps: 5 },
  { algorithm: 'bcrypt', share: 0.95, odd: 1, connections: 8, warmUps: 0 },
] as const;

/** Logins and whole sign-ups against raw hashes on all cores, with argon2id (19 MiB, 2 passes) and bcrypt (cost 12). */
export async function measureHashed(world: World): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { algorithm, share, odd, connections, warmUps } of LOADS) {
    const services = await Promise.all(
      world.populated.map(({ url }) => startService(url, { PASSWORD_HASH: algorithm })),
    );
    // So that one bcrypt more or less, by chance, is less than a hundredth of a round.
    const seconds = Math.max(world.pace.seconds, algorithm === 'bcrypt' ? 16 : 2);
    const at = { generator: world.generator, pace: { ...world.pace, seconds } };
    const hashes = (keptReady: boolean) => async () => ({
      perSecond: await hashesPerSecond(algorithm, seconds, { keptReady }),
      cpu: Number.NaN,
    });
    const subjects: Subject[] = [
      { name: 'hashes', round: hashes(false) },
      { name: 'hashes kept ready', round: hashes(true) },
      ...world.populated.map((each, index) =>
        loaded(`login ${each.users}`, at, services[index] as Server, {
          connections,
          requests: Array.from({ length: 400 }, (_, n) => login(people(each, n, odd))),
        }),
      ),
      signups(at, services[0] as Server, { algorithm, connections }),
    ];
    const rates = await interleave(subjects, world.pace.rounds, warmUps);
    await Promise.all(services.map(service => service.stop()));

    const load = `${algorithm}, ${connections} at once`;
    const ceiling = rates.get('hashes') as Rate;
    const kept = rates.get('hashes kept ready') as Rate;
    const compared = (operation: string, rate: Rate, least: number) => {
      const part = partOf(ceiling, rate);
      const partOfKept = `${Math.round(partOf(kept, rate) * 100)} %`;
      return {
        database: world.place.name,
        operation,
        measured: `${perSecond(rate.perSecond)}, ${(rate.cpu / 1000).toFixed(1)} ms CPU`,
        ceiling: `${perSecond(ceiling.perSecond)} hashes`,
        ratio: part,
        target: `≥ ${least * 100} %`,
        met: part >= least,
        note: `${availableParallelism()} cores; hashes that a pool keeps ready: ${perSecond(kept.perSecond)} (${partOfKept})`,
      };
    };
    const few = rates.get(`login ${world.populated[0]?.users}`) as Rate;
    for (const [index, { users }] of world.populated.entries()) {
      const rate = rates.get(`login ${users}`) as Rate;
      const finding = compared(`login, ${load}, ${users.toLocaleString('en')} users`, rate, share);
      findings.push(finding);
      if (index > 0)
        findings.push({ ...againstFew(finding, rate, few), note: `${availableParallelism()} cores` });
    }
    findings.push(compared(`sign-up, whole flow, ${load}`, rates.get('sign-up') as Rate, 0.85));
  }
  return findings;
}

// Users over the whole table, whose hash is of the one kind (database.ts: even ones argon2id, odd ones bcrypt).
function people({ users }: Populated, n: number, odd: 0 | 1): number {
  const spread = 1 + ((n * 7919) % (users - 2));
  return spread - (spread % 2) + (odd === 1 ? 1 : 2);
}

let newcomers = 0;

/** Both steps of a sign-up, by as many newcomers at once as there are connections. */
function signups(
  at: Parameters<typeof loaded>[1],
  server: Server,
  { algorithm, connections }: { algorithm: string; connections: number },
): Subject {
  const steps = loaded('sign-up', at, server, async () => ({
    connections,
    requests: Array.from({ length: 2000 }, () =>
      firstStep(`newcomer${newcomers++}.${algorithm}@example.net`),
    ),
    signup: PASSWORD,
  }));
  return {
    ...steps,
    // Two requests make one sign-up.
    round: async () => {
      const { perSecond, cpu } = await steps.round();
      return { perSecond: perSecond / 2, cpu: cpu * 2 };
    },
  };
}

export const firstStep = (email: string) =>
  request('POST', '/signup', {
    json: { first_name: 'New', last_name: 'Comer', email, phone_number: '+4366412345678' },
  });
