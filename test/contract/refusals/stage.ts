import { setTimeout as sleep } from 'node:timers/promises';
import type { LightMyRequestResponse } from 'fastify';
import type { TestApp } from '../../support/app.ts';
import { contractApp, type Judge } from '../../support/contract.ts';
import { type LyingProvider, lyingProvider } from '../../support/lying-provider.ts';
import { type Member, member, type Person, type person } from '../../support/people.ts';
import { CLIENT } from '../../support/sign-in-flow.ts';
import { addTotp } from '../../support/totp.ts';

export type World = TestApp & { readonly judge: Judge };

/** Where refusals are reached: the service with every feature on, and variants of it. */
export interface Stage {
  readonly world: World;
  readonly provider: LyingProvider;
  /** The service with another configuration, opened by the first who asks. */
  at(overrides: Overrides): Promise<World>;
  close(): Promise<void>;
}
type Overrides = NonNullable<Parameters<typeof contractApp>[0]>;

/** Reaches one refusal, and returns the answer. */
export type Recipe = (stage: Stage) => Promise<LightMyRequestResponse>;
/** By route and code, as in `POST /token invalid_credentials`. */
export type Recipes = Readonly<Record<string, Recipe>>;

/** Opens the stage: a service with a provider beside it. */
export async function openStage(): Promise<Stage> {
  const provider = await lyingProvider();
  const everything: Overrides = {
    google: { clientIds: ['client-1'], issuer: provider.issuer },
    oidcProviders: [
      provider.entry(),
      provider.entry({ id: 'closed', allowed_domains: ['acme.example'] }),
      provider.entry({ id: 'absent', issuer: 'http://127.0.0.1:9' }),
      provider.entry({ id: 'github', type: 'github' }),
    ],
    redirectUris: [CLIENT],
    sms: { webhook: { url: 'http://127.0.0.1:9/', secret: 'sixteen bytes or more' } },
    signInByMail: true,
  };
  const opened = new Map<string, Promise<World>>();
  const at = (overrides: Overrides) => {
    const name = JSON.stringify(overrides);
    const world = opened.get(name) ?? contractApp({ ...everything, ...overrides }).then(onTime);
    opened.set(name, world);
    return world;
  };
  return {
    world: await at({}),
    provider,
    at: async overrides => onTime(await at(overrides)),
    async close() {
      for (const world of opened.values()) await (await world).close();
      await provider.close();
    },
  };
}

// The provider's clock is the machine's.
function onTime(world: World): World {
  world.deps.clock.set(new Date());
  return world;
}

export const admin = (world: World): Promise<Member> => member(world, { roles: ['admin'] });

let made = 0;
/** A name that nobody has yet. */
export const fresh = (word: string): string => `${word}-${++made}`;

/** Somebody who holds these permissions and no others. */
export async function holderOf(world: World, ...permissions: string[]): Promise<Member> {
  const { token } = await admin(world);
  const name = fresh('holder');
  await world.call('POST', '/roles', { token, body: { name, permissions } });
  return member(world, { roles: [name] });
}

/** A service client, as the header that authenticates it. */
export async function clientOf(world: World, ...permissions: string[]): Promise<Record<string, string>> {
  const { token } = await admin(world);
  const made = await world.call('POST', '/clients', { token, body: { name: fresh('client'), permissions } });
  const { id, secret } = made.json();
  return { authorization: `Basic ${btoa(`${id}:${secret}`)}` };
}

/** Somebody with an authenticator app, whose next code is not used yet. */
export async function withTotp(world: World, options: Parameters<typeof person>[1] = {}) {
  const found = await member(world, options);
  const { code } = await addTotp(world, found.token);
  world.deps.clock.advance(30);
  return { ...found, code };
}

export const passwordLogin = (world: World, { email, password }: Person, given = password) =>
  world.call('POST', '/token', { form: { username: email, password: given } });

/** The `mfa_token` of a first factor that was right. */
export const mfaTokenOf = async (world: World, who: Person): Promise<string> =>
  (await passwordLogin(world, who)).json().mfa_token;

/** Keeps the queue of hashes full, however long it takes until the request needs one, which is then refused. */
export async function whileBusy<T>(world: World, send: () => Promise<T>): Promise<T> {
  let answered = false;
  const others = Array.from({ length: 8 }, async () => {
    while (!answered) await world.deps.hasher.hash('busy').catch(() => sleep(1));
  });
  const answer = await send();
  answered = true;
  await Promise.all(others);
  return answer;
}

/** A service that sends one text message an hour. */
const ONE_TEXT = { points: 1, seconds: 3600 } as const;
export const oneText = { rateLimit: { sms_total: ONE_TEXT, sms_enrolment: ONE_TEXT } } as const;

/** A service whose queue of hashes is short and slow. */
export const busy = { passwords: { queueMax: 1, bcryptCost: 11 } } as const;

export const NOBODY = '019300f4-6f00-7000-8000-000000000001';
