import { expect, test } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

test.each([
  ['redis://cache', { kind: 'single', tls: false, nodes: [{ host: 'cache', port: 6379 }], db: 0 }],
  [
    'rediss://svc:p%40ss@cache:6380/2?ca=/etc/redis/ca.pem',
    {
      kind: 'single',
      tls: true,
      nodes: [{ host: 'cache', port: 6380 }],
      username: 'svc',
      password: 'p@ss',
      db: 2,
      ca: '/etc/redis/ca.pem',
    },
  ],
  [
    'redis://:pw@[::1]:7000',
    { kind: 'single', tls: false, nodes: [{ host: '::1', port: 7000 }], password: 'pw', db: 0 },
  ],
  [
    'redis+sentinel://:pw@s1,s2:26380/primary/1?sentinel_password=other',
    {
      kind: 'sentinel',
      tls: false,
      nodes: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_380 },
      ],
      password: 'pw',
      master: 'primary',
      sentinelPassword: 'other',
      db: 1,
    },
  ],
  [
    'rediss+cluster://n1,n2:6380',
    {
      kind: 'cluster',
      tls: true,
      nodes: [
        { host: 'n1', port: 6379 },
        { host: 'n2', port: 6380 },
      ],
      db: 0,
    },
  ],
])('%s', (url, target) => {
  expect(parseRedisUrl(url)).toEqual(target);
});

test.each([
  'http://cache',
  'redis://',
  'redis://a,b',
  'redis://cache/x',
  'redis://cache:99999',
  'redis+cluster://a,b/1',
  'redis+sentinel://a,b',
  'redis://cache?tls=off',
  'redis://:%zz@cache',
])('%s is refused', url => {
  expect(() => parseRedisUrl(url)).toThrow(/^must /);
});
