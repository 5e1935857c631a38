import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { openDurations } from './histogram.ts';

test('the histogram reads as the one that prom-client would write', async () => {
  const registry = new Registry();
  const theirs = new Histogram({
    name: 'took_seconds',
    help: 'Time taken.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
    registers: [registry],
  });
  const ours = openDurations('took_seconds', 'Time taken.');
  const answers = [
    ['GET', '/users/:id', 200, 0.001],
    ['GET', '/users/:id', 200, 0.25],
    ['GET', '/users/:id', 404, 0],
    ['POST', '/"\\\n', 200, 9],
  ] as const;
  for (const [method, route, status, seconds] of answers) {
    theirs.observe({ method, route, status }, seconds);
    ours.observe(method, route, status, seconds);
  }
  expect(ours.text()).toBe(await registry.metrics());
});
