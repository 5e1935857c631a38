import { defineConfig } from 'vitest/config';

/** `npm run test:redis`: a cluster and a failover by Sentinel, on servers of its own. Slow, so outside `.ci/run`. */
export default defineConfig({
  test: {
    include: ['test/redis/*.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
