import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../log.ts';

/** Where the certificate chain and its private key are, as PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A server whose certificate can be replaced while it serves. */
export interface TlsServer {
  setSecureContext(options: { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' }): void;
}

// Polls as well: a network file system reports no changes, and other programs may have used up all watches of the kernel.
const LOOK_MS = 60_000;
const SETTLE_MS = 300;

/** The two files as they are now. */
export function readCertificate({ certFile, keyFile }: CertificateFiles): { cert: Buffer; key: Buffer } {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/**
 * Serves new handshakes with the current files; open connections go on. The folders are watched, not the files, as each
 * renewal replaces the file, or the target of a link. A pair that does not match is logged, and the old one stays in use.
 */
export function followCertificate(
  server: TlsServer,
  files: CertificateFiles,
  log: Pick<Log, 'info' | 'warn' | 'error'>,
): void {
  let served = readCertificate(files);
  let refused = '';
  const look = () => {
    try {
      const { cert, key } = readCertificate(files);
      if (cert.equals(served.cert) && key.equals(served.key)) return;
      // OpenSSL accepts a key of another kind (RSA beside ECDSA), and then has no certificate for any handshake.
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
        throw new Error('The key is not that of the certificate');
      server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
      served = { cert, key };
      refused = '';
      log.info('the certificate was reloaded');
    } catch (error) {
      const { message } = error as Error;
      if (message !== refused) {
        log.error(
          { err: error },
          'the new certificate cannot be used, so the old one stays in use: put a matching pair into TLS_CERT_FILE and TLS_KEY_FILE',
        );
      }
      refused = message;
    }
  };
  let settling: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(look, SETTLE_MS).unref();
  };
  for (const folder of new Set([dirname(files.certFile), dirname(files.keyFile)])) {
    try {
      watch(folder, { persistent: false }, soon).on('error', () => undefined);
    } catch (error) {
      log.warn(
        { err: error },
        'the folder of the certificate cannot be watched, so a new one is noticed only after a minute',
      );
    }
  }
  setInterval(look, LOOK_MS).unref();
}
