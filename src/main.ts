import './platform/process-guard.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { bootstrapAdmin } from './admin/bootstrap.ts';
import { createApp } from './app.ts';
import { ensureTrailKeys } from './audit/personal-fields.ts';
import { startSealer } from './audit/sealer.ts';
import { banner } from './banner.ts';
import { readConfiguration } from './configuration.ts';
import { startDelivery } from './delivery/worker.ts';
import { openKeyRing } from './keys/key-ring.ts';
import { startMaintenance } from './maintenance.ts';
import type { LoadedConfig } from './platform/config/load.ts';
import type { Config } from './platform/config.ts';
import { sizeThreadPool } from './platform/hash-threads.ts';
import { growHeapSlowly } from './platform/heap.ts';
import { followCertificate, readCertificate, type TlsServer } from './platform/http/certificate.ts';
import { findFreePort, listen } from './platform/http/listen.ts';
import { whenLeftBehind } from './platform/left-behind.ts';
import { type Log, openLog } from './platform/log.ts';
import { lastWords, StartError } from './platform/start-error.ts';
import { openWorld, type World } from './world.ts';

/**
 * Serves until SIGTERM, SIGINT or SIGHUP, or the end of the npm that started it: then finishes the requests in progress,
 * stops what it started, and ends.
 */
async function serve(): Promise<void> {
  const { config, warnings } = await configure();
  const log = openLog(config.logLevel);
  for (const warning of warnings) log.warn(warning);
  // The service must not end because nobody reads its output any more, or because there is no room for it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  // The first signal counts, even while the database is still being made; a second one changes nothing.
  const asked = new AbortController();
  let stop: (() => void) | null = null;
  const onSignal = (signal: string) => {
    if (asked.signal.aborted) return;
    log.info(
      { signal },
      stop === null ? 'stopping before the start is done' : 'stopping: finishing the requests in progress',
    );
    asked.abort(new StartError(`stopped by ${signal}`));
    if (stop !== null) return stop();
    // A start that waits ends at once; one that is making something finishes that first.
    setTimeout(() => process.exit(0), DRAIN_MS).unref();
  };
  // SIGHUP comes from a terminal that is closed.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, onSignal);
  whenLeftBehind(() => onSignal('the end of npm'));

  let world: World | null = null;
  try {
    world = await openWorld(config, log, { signal: asked.signal });
    asked.signal.throwIfAborted();
    stop = await begin(config, log, world);
    if (asked.signal.aborted) stop();
  } catch (error) {
    await world?.close();
    if (!asked.signal.aborted) throw error;
    log.info('stopped');
    // A connection that gets no answer would keep the process alive.
    process.exit(0);
  }
}

// PORT=0 takes a free port. It is chosen here, because the issuer and the links contain it.
async function configure(): Promise<LoadedConfig> {
  const { env } = process;
  const loaded = readConfiguration(env);
  sizeThreadPool(loaded.config.passwords.hash);
  const { host, port } = loaded.config.http;
  return port === 0 ? readConfiguration({ ...env, PORT: String(await findFreePort(host)) }) : loaded;
}

/** Listens and works in this world. Returns a function that stops both and closes the world. */
async function begin(config: Config, log: Log, world: World): Promise<() => void> {
  const { embedded } = world;
  const keys = await openKeyRing(world.deps);
  const deps = { ...world.deps, keys };
  if (await bootstrapAdmin(deps)) log.info('the first administrator of BOOTSTRAP_ADMIN_EMAIL was made');
  const { tls } = config.http;
  const [app] = await Promise.all([
    createApp(deps, tls === null ? {} : { tls: readCertificate(tls) }),
    ensureTrailKeys(deps),
  ]);
  await listen(app, config.http);
  growHeapSlowly();
  if (tls !== null) followCertificate(app.server as unknown as TlsServer, tls, log);
  const workers = [startDelivery(deps), startSealer(deps), startMaintenance(deps)];
  // The log is written in the background; flushed first, its lines about the start stand above the banner.
  log.flush(() => process.stdout.write(banner({ config, embedded })));

  const drain = async () => {
    setTimeout(() => app.server.closeAllConnections(), DRAIN_MS).unref();
    await app.close();
    const stopped = Promise.all(workers.map(worker => worker.stop())).then(() => true);
    const inTime = await Promise.race([stopped, sleep(WORKERS_MS, false)]);
    keys.close();
    // A silent database would be waited for three times over; the next start does all the work that waits for it.
    if (!inTime) log.warn('stopping without waiting longer for answers of the database');
    await (inTime ? world.close() : world.abandon());
    log.info('stopped');
    // The queued hashes of callers that were cut off, or went away, would keep the process alive until they are done.
    process.exit(0);
  };
  return () => {
    drain().catch((error: unknown) => {
      log.error({ err: error }, 'the stop failed');
      process.exit(1);
    });
  };
}

/** How long requests in progress may go on after a signal. */
const DRAIN_MS = 20_000;
/** How long mails under way and the last seal may take after that: together with the requests, less than half a minute. */
const WORKERS_MS = 8_000;

serve().catch((error: unknown) => {
  process.stderr.write(`${lastWords(error)}\n`);
  process.exit(1);
});
