import { insertSessions, type Place } from './database.ts';
import type { Job } from './generator.ts';
import { whoAmI } from './people.ts';
import { type Generator, type Server, startBare, startService } from './processes.ts';
import { expectOnly, type Pace, type Subject } from './trial.ts';

/** Live sessions that /users/me is asked about. */
export const LIVE = 1000;

/** A database with its users, and the service on it. */
export interface Populated {
  readonly users: number;
  readonly url: string;
  readonly service: Server;
  /** The numbers of so many sessions that nobody has used yet. */
  freshSessions(count: number): Promise<number[]>;
}

/** What the measurements of one place share. */
export interface World {
  readonly place: Place;
  readonly pace: Pace;
  readonly generator: Generator;
  readonly populated: readonly Populated[];
  /** Fastify, alone and with one prepared select; see bench/bare.ts. */
  readonly bare: Server;
  close(): Promise<void>;
}

export async function openWorld(
  place: Place,
  { pace, generator, sizes }: { pace: Pace; generator: Generator; sizes: readonly number[] },
): Promise<World> {
  const populated: Populated[] = [];
  for (const users of sizes) populated.push(await populate(place, users));
  const [first] = populated as [Populated];
  const bare = await startBare({ DATABASE_URL: first.url, ANSWER: await sampleAnswer(first.service) });
  return {
    place,
    pace,
    generator,
    populated,
    bare,
    async close() {
      await Promise.all([bare.stop(), ...populated.map(({ service }) => service.stop())]);
    },
  };
}

async function populate(place: Place, users: number): Promise<Populated> {
  process.stderr.write(`${place.name}: filling ${users.toLocaleString('en')} users\n`);
  const url = await place.fill(users);
  let next = 1;
  const freshSessions = async (count: number) => {
    const from = next;
    next += count;
    await insertSessions(url, users, from, count);
    return Array.from({ length: count }, (_, index) => from + index);
  };
  await freshSessions(LIVE);
  return { users, url, service: await startService(url), freshSessions };
}

async function sampleAnswer({ port }: Server): Promise<string> {
  const authorization = /authorization: (.*)\r/.exec(whoAmI(1, 1000))?.[1] as string;
  const answer = await fetch(`http://127.0.0.1:${port}/users/me`, { headers: { authorization } });
  if (answer.status !== 200) throw new Error(`/users/me answered ${answer.status}`);
  const own = new Set([
    'connection',
    'keep-alive',
    'date',
    'content-length',
    'content-type',
    'transfer-encoding',
  ]);
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !own.has(name)));
  return JSON.stringify({ headers, body: await answer.json() });
}

/** A subject that a load makes against a server. */
export function loaded(
  name: string,
  { generator, pace }: Pick<World, 'generator' | 'pace'>,
  server: Server,
  job: Omit<Job, 'port' | 'seconds'> | (() => Promise<Omit<Job, 'port' | 'seconds'>>),
): Subject {
  return {
    name,
    async round() {
      const made = typeof job === 'function' ? await job() : job;
      const before = server.cpu();
      const outcome = await generator.run({ seconds: pace.seconds, ...made, port: server.port });
      const cpu = ((server.cpu() - before) * 1e6) / outcome.count;
      expectOnly(200, outcome, name);
      return { perSecond: outcome.perSecond, cpu };
    },
  };
}
