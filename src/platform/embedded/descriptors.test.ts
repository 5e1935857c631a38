import { expect, test, vi } from 'vitest';
import { hold, server, useEmbeddedFolders } from '../../../test/support/embedded.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
useEmbeddedFolders();

test('a process whose every descriptor is in use for a while goes on, and so does its server', async () => {
  const holder = hold({}, ['/bin/sh', '-c', 'ulimit -n 100; exec "$0" "$@"']);
  await holder.hear('open');
  const before = server();
  holder.tell('exhaust');
  await holder.hear('freed');
  expect(server()).toMatchObject({ pid: before?.pid, alive: true });
  holder.tell('release');
  await holder.hear('released');
  expect(server()).toBeNull();
});
