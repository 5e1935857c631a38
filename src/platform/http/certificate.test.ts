import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openLog } from '../log.ts';
import { followCertificate } from './certificate.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'certificate-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.skipIf(process.platform !== 'linux')(
  'a folder that cannot be watched is told of, and keeps nobody from serving',
  () => {
    const kept = (kind: string) => {
      const file = join(folder, `localhost.${kind}`);
      copyFileSync(new URL(`../../../test/support/tls/localhost.${kind}`, import.meta.url), file);
      chmodSync(file, 0o644);
      return file;
    };
    const files = { certFile: kept('crt'), keyFile: kept('key') };
    const log = openLog('fatal');
    const warn = vi.spyOn(log, 'warn');
    // The kernel refuses a watch on what cannot be read, as it does where all are used up. Root reads everything.
    chmodSync(folder, 0o311);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      followCertificate({ setSecureContext: () => {} }, files, log);
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(folder, 0o700);
    }
    expect(warn).toHaveBeenCalledOnce();
  },
);
