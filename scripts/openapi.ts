/** Writes docs/openapi.json from the routes; `--check` only compares it. */
import { createApp } from '../src/app.ts';
import type { KeysDeps } from '../src/keys/key-ring.ts';
import { systemClock } from '../src/platform/clock.ts';
import { loadConfig } from '../src/platform/config/load.ts';
import { openLog } from '../src/platform/log.ts';
import { openMemoryCache } from '../src/platform/memory-cache.ts';
import { systemRandom } from '../src/platform/random.ts';
import { keepUpToDate } from './generated.ts';

// The document depends on what is declared, not on a world: no route is called but the one that shows it.
const { config } = loadConfig({ env: {}, envFile: 'none' });
const log = openLog('silent');
const world = {
  config,
  log,
  clock: systemClock,
  random: systemRandom,
  cache: openMemoryCache({ clock: systemClock, log }),
};
const app = await createApp(world as unknown as KeysDeps);
const { body } = await app.inject({ url: '/openapi.json' });
await app.close();
keepUpToDate({ 'docs/openapi.json': `${JSON.stringify(JSON.parse(body), null, 2)}\n` }, 'openapi.ts');
