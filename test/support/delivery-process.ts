// A replica that only delivers: `node test/support/delivery-process.ts DATABASE_URL SMTP_URL`, until it is killed.
import { startDelivery } from '../../src/delivery/worker.ts';
import { openDatabase } from '../../src/platform/database.ts';
import { openHasher } from '../../src/platform/hasher.ts';
import { openLog } from '../../src/platform/log.ts';
import { openMemoryCache } from '../../src/platform/memory-cache.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { deriveSecrets } from '../../src/platform/secrets.ts';
import { configWith, movableClock } from './deps.ts';

const [, , url = '', smtpUrl = ''] = process.argv;
const config = configWith({ mail: { smtpUrl } });
startDelivery(
  {
    db: openDatabase({ connection: { connectionString: url }, poolMax: 4, prepare: true }),
    clock: movableClock(),
    random: systemRandom,
    cache: openMemoryCache({ clock: movableClock(), log: openLog('silent') }),
    log: openLog('silent'),
    config,
    secrets: deriveSecrets(config.secrets.root ?? ''),
    hasher: openHasher(config.passwords),
  },
  { pollSeconds: 0.05 },
);
setInterval(() => {}, 1000);
process.stdout.write('ready\n');
