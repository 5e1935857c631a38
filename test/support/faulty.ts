import { createApp } from '../../src/app.ts';
import { type Db, openDatabase } from '../../src/platform/database.ts';
import { openHasher } from '../../src/platform/hasher.ts';
import { callOf, type TestApp, testApp } from './app.ts';
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts';

/** The service where a test can get between it and its database. */
export interface FaultyApp extends TestApp {
  readonly line: TcpProxy;
  /** The pool of the service, through the proxy; `deps.db` is the test's own way to the database. */
  readonly through: Db;
}

/** The whole service with a proxy in front of its PostgreSQL, and less patience than in production. */
export async function faultyApp(
  overrides: Parameters<typeof testApp>[0] = {},
  { poolMax = 4, patience = { connectionMs: 400, statementMs: 600 } } = {},
): Promise<FaultyApp> {
  const world = await testApp(overrides);
  const url = new URL(world.deps.databaseUrl);
  const socket = url.searchParams.get('host') ?? decodeURIComponent(url.hostname);
  const port = Number(url.port === '' ? 5432 : url.port);
  const line = await tcpProxy(
    socket.startsWith('/') ? { path: `${socket}/.s.PGSQL.${port}` } : { host: socket, port },
  );
  const through = openDatabase({
    connection: {
      host: '127.0.0.1',
      port: line.port,
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: url.pathname.slice(1),
    },
    poolMax,
    prepare: true,
    onLostAnswer: () => world.deps.cache.doubtRevocations(),
    patience,
  });
  const hasher = openHasher(world.deps.config.passwords, { patienceMs: 400 });
  const app = await createApp({ ...world.deps, db: through, hasher });
  await app.ready();
  return {
    ...world,
    app,
    line,
    through,
    call: callOf(app),
    async close() {
      await app.close();
      await line.close();
      await through.close();
      await world.close();
    },
  };
}
