import { watch } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { openLog } from '../log.ts';
import { followCertificate } from './certificate.ts';

vi.mock('node:fs', async original => ({
  ...(await original<typeof import('node:fs')>()),
  watch: vi.fn<() => never>(),
}));

test('a kernel that has no watch left is told, and keeps nobody from serving', () => {
  vi.mocked(watch).mockImplementation(() => {
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  });
  const pem = (kind: string) =>
    new URL(`../../../test/support/tls/localhost.${kind}`, import.meta.url).pathname;
  const log = openLog('fatal');
  const warn = vi.spyOn(log, 'warn');
  followCertificate({ setSecureContext: () => {} }, { certFile: pem('crt'), keyFile: pem('key') }, log);
  expect(warn).toHaveBeenCalledOnce();
});
