import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Gauge } from 'prom-client';
import type { Deps } from '../deps.ts';
import { sha256 } from '../digest.ts';
import { loadOnce } from '../load-once.ts';
import { Problem } from '../problems.ts';
import { type App, patternOf } from './app.ts';
import { bearerIn } from './bearer.ts';
import { openDurations } from './histogram.ts';
import { isForwarded, isPrivatePeer } from './peer.ts';

/** Figures of a slice, read at each scrape; if the reader fails, its gauges are left out. */
export interface Readings {
  /** What each gauge means, by its name. */
  readonly gauges: Readonly<Record<string, string>>;
  read(): Promise<Readonly<Record<string, number>>>;
}

/**
 * What is measured, and the route that Prometheus reads (text format 0.0.4). The figures name nobody, but a stranger who
 * watches them sees what an address of theirs brought about, so only neighbours and bearers of METRICS_TOKEN may read them.
 */
export function measure(
  app: FastifyInstance,
  { db, hasher, cache, config }: Deps,
  readings: readonly Readings[],
): (app: App) => void {
  const durations = openDurations(
    'http_request_duration_seconds',
    'Time to answer, by route, method and status.',
  );
  app.addHook('onResponse', (request, reply, done) => {
    const route = patternOf(request) ?? 'none';
    durations.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });

  const gauges = loadOnce(() => openGauges({ db, hasher, cache }, readings));
  return scope => {
    scope.get('/metrics', { config: { access: 'public', hidden: true } }, async (request, reply) => {
      if (!isNeighbour(request) && !bears(request, config.http.metricsToken)) throw new Problem('not_found');
      const { registry, refreshers } = await gauges();
      await Promise.all(refreshers.map(refresh => refresh()));
      // The library writes Nan for a mean of nothing yet; the text format knows only NaN.
      const figures = (await registry.metrics()).replaceAll(/ Nan$/gm, ' NaN');
      return reply.type(registry.contentType).send(durations.text() + figures);
    });
  };
}

// Nobody on the internet has a private address, but a proxy that has one may pass on requests from there.
function isNeighbour({ socket, headers }: FastifyRequest): boolean {
  return isPrivatePeer(socket.remoteAddress) && !isForwarded(headers);
}

// Compares the digests, which have one length and reveal nothing of the token, in constant time.
function bears({ headers: { authorization = '' } }: FastifyRequest, token: string | null): boolean {
  const presented = bearerIn(authorization);
  if (token === null || presented === null) return false;
  const [given, expected] = [presented, token].map(sha256);
  return timingSafeEqual(given as Buffer, expected as Buffer);
}

// The library, its timer and its observer cost nothing before the first reader.
async function openGauges(
  { db, hasher, cache }: Pick<Deps, 'db' | 'hasher' | 'cache'>,
  readings: readonly Readings[],
) {
  const { collectDefaultMetrics, Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const gauge = (name: string, help: string, read?: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      ...(read && {
        collect() {
          this.set(read());
        },
      }),
    });
  gauge('database_connections', 'Open connections to PostgreSQL.', () => db.stats().total);
  gauge('database_connections_idle', 'Idle connections to PostgreSQL.', () => db.stats().idle);
  gauge('database_waiting', 'Requests that wait for a connection.', () => db.stats().waiting);
  if (cache.status() !== 'memory')
    gauge('redis_up', 'Whether Redis answers: 1 or 0.', () => Number(cache.status() === 'up'));
  gauge('password_hashes_running', 'Password hashes in progress.', () => hasher.stats().running);
  gauge('password_hashes_waiting', 'Password hashes that wait for a core.', () => hasher.stats().waiting);
  new Counter({
    name: 'password_hashes_dropped_total',
    help: 'Password hashes that were not computed, as whoever waited for them hung up.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(hasher.stats().dropped);
    },
  });
  collectDefaultMetrics({ register: registry });
  return { registry, refreshers: readings.map(reading => refresherOf(reading, gauge)) };
}

function refresherOf(
  { gauges, read }: Readings,
  gauge: (name: string, help: string) => Gauge,
): () => Promise<void> {
  const made = Object.entries(gauges).map(([name, help]) => [name, gauge(name, help)] as const);
  return async () => {
    const figures = await read().catch(() => null);
    for (const [name, gauge] of made) {
      if (figures === null) gauge.remove();
      else gauge.set(figures[name] ?? 0);
    }
  };
}
