import './platform/process-guard.mjs';
import { bootstrapAdmin } from './admin/bootstrap.ts';
import { createApp } from './app.ts';
import { startSealer } from './audit/sealer.ts';
import { banner } from './banner.ts';
import { startDelivery } from './delivery/worker.ts';
import { startMaintenance } from './maintenance.ts';
import { loadConfig } from './platform/config/load.ts';
import { growHeapSlowly } from './platform/heap.ts';
import { followCertificate, readCertificate, type TlsServer } from './platform/http/certificate.ts';
import { listen } from './platform/http/listen.ts';
import { openLog } from './platform/log.ts';
import { lastWords } from './platform/start-error.ts';
import { openWorld } from './world.ts';

/** Serves until SIGTERM or SIGINT: then finishes the requests in progress, stops what it started, and ends. */
async function serve(): Promise<void> {
  const { config, warnings } = loadConfig({ env: process.env });
  const log = openLog(config.logLevel);
  for (const warning of warnings) log.warn(warning);
  // The first signal counts, even while the database is still being made; a second one while draining changes nothing.
  let asked: string | null = null;
  let stop: ((signal: string) => void) | null = null;
  const onSignal = (signal: string) => {
    if (asked !== null) return;
    asked = signal;
    if (stop === null) setTimeout(() => process.exit(0), DRAIN_MS).unref();
    else stop(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const world = await openWorld(config, log);
  const { deps } = world;
  try {
    if (asked !== null) return await world.close();
    if (await bootstrapAdmin(deps)) log.info('the first administrator of BOOTSTRAP_ADMIN_EMAIL was made');
    const { tls } = config.http;
    const app = await createApp(deps, tls === null ? {} : { tls: readCertificate(tls) });
    const port = await listen(app, config.http);
    growHeapSlowly();
    if (tls !== null)
      followCertificate(app.server as unknown as TlsServer, tls, message => log.info(message));
    const workers = [startDelivery(deps), startSealer(deps), startMaintenance(deps)];
    process.stdout.write(banner({ config: deps.config, embedded: world.embedded, port }));

    const drain = async (signal: string) => {
      log.info({ signal }, 'stopping: finishing the requests in progress');
      setTimeout(() => app.server.closeAllConnections(), DRAIN_MS).unref();
      await app.close();
      await Promise.all(workers.map(worker => worker.stop()));
      await world.close();
      log.info('stopped');
    };
    stop = signal => {
      drain(signal).catch((error: unknown) => {
        log.error({ err: error }, 'the stop failed');
        process.exit(1);
      });
    };
    if (asked !== null) stop(asked);
  } catch (error) {
    await world.close();
    throw error;
  }
}

/** How long requests in progress may go on after a signal. */
const DRAIN_MS = 20_000;

serve().catch((error: unknown) => {
  process.stderr.write(`${lastWords(error)}\n`);
  process.exit(1);
});
